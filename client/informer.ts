/**
 * A local copy of one resource, kept current by list and watch: readers ask the `store`, handlers hear of every change. The copy is
 * read-only, may lag behind the server, and never goes back in time. The protocol is the union `SyncState` and one step: list once, watch
 * from the list's revision, watch again from the last revision seen, and list again only when the server has forgotten that one.
 */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { type BackOff, createBackOff } from './back-off.ts';
import type { Client } from './client.ts';
import { retryAfterMs } from './object-decoder.ts';
import { createObjectStore, revisionOf, type WritableObjectStore } from './object-store.ts';
import type { ResourceClient, WatchEvent } from './resource-client.ts';

/** Between attempts to list or watch: upstream's reflector waits 0.8 s to 30 s; ours begins sooner, so that a restarted server is found at once. */
const RETRY_DELAY_MS = { delayMsMin: 200, delayMsMax: 30_000 };
/** A page of a list: a few megabytes at most, so that parsing one does not stop the process for long. */
const LIST_PAGE_OBJECTS = 2_000;
/** A watch asks to be ended after a random time within these, which spreads the load over servers and heals what went wrong silently. */
const WATCH_SECONDS_MIN = 300;
const WATCH_SECONDS_MAX = 600;
/** A server that does not end the watch when asked to is given this much longer. */
const WATCH_GRACE_MS = 30_000;
/** A watch that ends sooner and brought nothing is a failure, else a server that refuses politely would be asked without a pause. */
const WATCH_MS_MIN = 1_000;

export interface ObjectStore<T extends ApiObject> {
  find(key: ObjectKey): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects whose index function gave this value; `indexes` of the informer name them. */
  listByIndex(index: string, value: string): readonly T[];
}

export type Change<T extends ApiObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

export interface Informer<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly store: ObjectStore<T>;
  /** The newest resourceVersion this copy is known to reflect, bookmarks included; 0n before the first list. */
  syncedRevision(): bigint;
  hasSynced(): boolean;
  /** Resolves once the first list is in the store. */
  whenSynced(signal: AbortSignal): Promise<void>;
  /** Calls back after each change is in the store; objects already there are reported as added. Returns a function that unsubscribes. */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** Calls back after every advance of `syncedRevision`, bookmarks included. Returns a function that unsubscribes. */
  onAdvance(handler: () => void): () => void;
  run(signal: AbortSignal): Promise<void>;
}

export interface InformerOptions<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Each gives the values under which an object is found by `listByIndex`. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

export interface InformerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts nothing; `run` does. */
export function createInformer<T extends ApiObject>(options: InformerOptions<T>, deps: InformerDeps): Informer<T> {
  const store = createObjectStore<T>(options.indexes);
  const log = deps.log.child({ informer: options.type.plural });
  const changeHandlers = new Set<(change: Change<T>) => void>();
  const advanceHandlers = new Set<() => void>();
  const synced = Promise.withResolvers<void>();
  let revision: bigint | undefined;

  const call = <Argument>(handler: (argument: Argument) => void, argument: Argument): void => {
    try {
      handler(argument);
    } catch (error) {
      log.error({ err: error }, 'a handler failed');
    }
  };
  const progress: Progress<T> = {
    revision: () => revision ?? 0n,
    advance: (to, changes) => {
      const hasMoved = revision === undefined || to > revision;
      if (hasMoved) revision = to;
      for (const change of changes) for (const handler of changeHandlers) call(handler, change);
      synced.resolve();
      if (hasMoved) for (const handler of advanceHandlers) call(handler, undefined);
    },
  };

  return {
    type: options.type,
    store,
    syncedRevision: progress.revision,
    hasSynced: () => revision !== undefined,
    whenSynced: (signal) => untilAborted(synced.promise, signal),
    onChange: (handler) => {
      changeHandlers.add(handler);
      for (const object of store.list()) call(handler, { type: 'added', object });
      return () => changeHandlers.delete(handler);
    },
    onAdvance: (handler) => {
      advanceHandlers.add(handler);
      return () => advanceHandlers.delete(handler);
    },
    run: (signal) => keepInSync({ options, deps, log, store, progress, source: deps.client.resource(options.type) }, signal),
  };
}

/** How far the copy is, and the one way to move it on: revision first, then whoever wants to know. */
interface Progress<T extends ApiObject> {
  revision(): bigint;
  advance(to: bigint, changes: readonly Change<T>[]): void;
}

interface Sync<T extends ApiObject> {
  readonly options: InformerOptions<T>;
  readonly deps: InformerDeps;
  readonly log: Logger;
  readonly store: WritableObjectStore<T>;
  readonly progress: Progress<T>;
  readonly source: ResourceClient<T>;
}

type SyncState<T extends ApiObject> =
  | { readonly phase: 'unlisted' }
  | { readonly phase: 'listed' }
  | { readonly phase: 'watching'; readonly events: AsyncIterable<WatchEvent<T>>; readonly stop: () => void };

async function keepInSync<T extends ApiObject>(sync: Sync<T>, signal: AbortSignal): Promise<void> {
  const backOff = createBackOff(RETRY_DELAY_MS, sync.deps.random);
  let state: SyncState<T> = { phase: 'unlisted' };
  while (!signal.aborted) {
    try {
      state = await nextState(state, sync, backOff, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof HistoryWentBackError) throw error;
      const delayMs = Math.max(backOff.nextMs(), retryAfterMs(error) ?? 0);
      sync.log.warn({ err: error, phase: state.phase, delayMs }, 'cannot follow the server; trying again');
      state = state.phase === 'unlisted' ? state : { phase: 'listed' };
      await sync.deps.clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }
}

async function nextState<T extends ApiObject>(
  state: SyncState<T>,
  sync: Sync<T>,
  backOff: BackOff,
  signal: AbortSignal,
): Promise<SyncState<T>> {
  switch (state.phase) {
    case 'unlisted':
      await listInto(sync);
      return { phase: 'listed' };
    case 'listed':
      return openWatch(sync, signal);
    case 'watching': {
      const outcome = await drainInto(state, sync, backOff);
      // A server that forgets at once what it has just listed must not be asked without a pause.
      if (outcome === 'expired') await sync.deps.clock.sleep(backOff.nextMs(), signal);
      return { phase: outcome === 'expired' ? 'unlisted' : 'listed' };
    }
  }
}

/** A list without a resourceVersion is the newest there is, so what it lacks is gone. */
async function listInto<T extends ApiObject>({ options, source, store, progress }: Sync<T>): Promise<void> {
  const objects: T[] = [];
  let version: string | undefined;
  let next: string | undefined;
  do {
    const page = await source.list({
      ...selection(options),
      limit: LIST_PAGE_OBJECTS,
      ...(next === undefined ? {} : { continue: next }),
    });
    objects.push(...page.items);
    version = page.metadata.resourceVersion;
    next = page.metadata.continue;
  } while (next !== undefined && next !== '');
  const revision = BigInt(version ?? '0');
  if (revision < progress.revision()) throw new HistoryWentBackError(options.type.plural, progress.revision(), revision);
  progress.advance(revision, store.replace(objects));
}

/** The watch is opened by its first read; `stop` ends it when the server does not. */
function openWatch<T extends ApiObject>({ options, deps, source, progress }: Sync<T>, signal: AbortSignal): SyncState<T> {
  const seconds = Math.round(WATCH_SECONDS_MIN + deps.random.next() * (WATCH_SECONDS_MAX - WATCH_SECONDS_MIN));
  const deadline = new AbortController();
  const cancel = deps.clock.after(seconds * 1_000 + WATCH_GRACE_MS, () => deadline.abort(new Error('the watch outlived its time')));
  const events = source.watch(
    { ...selection(options), resourceVersion: String(progress.revision()), timeoutSeconds: seconds },
    AbortSignal.any([signal, deadline.signal]),
  );
  return { phase: 'watching', events, stop: cancel };
}

async function drainInto<T extends ApiObject>(
  { events, stop }: Extract<SyncState<T>, { phase: 'watching' }>,
  { deps, log, store, progress }: Sync<T>,
  backOff: BackOff,
): Promise<'ended' | 'expired'> {
  const startedAt = deps.clock.monotonic();
  let eventCount = 0;
  try {
    for await (const event of events) {
      applyEvent(event, store, progress);
      eventCount += 1;
      backOff.reset();
    }
  } catch (error) {
    if (!isReason(error, 'Expired', 'Gone')) throw error;
    log.info({ revision: String(progress.revision()) }, 'the server no longer has our revision; listing again');
    return 'expired';
  } finally {
    stop();
  }
  if (eventCount === 0 && deps.clock.monotonic() - startedAt < WATCH_MS_MIN) throw new Error('the watch ended as soon as it began');
  backOff.reset();
  return 'ended';
}

function applyEvent<T extends ApiObject>(event: WatchEvent<T>, store: WritableObjectStore<T>, progress: Progress<T>): void {
  switch (event.type) {
    case 'BOOKMARK':
      progress.advance(BigInt(event.resourceVersion), []);
      break;
    case 'DELETED':
      progress.advance(revisionOf(event.object), store.remove(event.object));
      break;
    case 'ADDED':
    case 'MODIFIED':
      progress.advance(revisionOf(event.object), store.put(event.object));
  }
}

function selection<T extends ApiObject>({ namespace, labelSelector, fieldSelector }: InformerOptions<T>) {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/**
 * The server's newest state is older than what we have seen: its store was restored from a backup or started anew. What was decided since
 * is void, so the process must start afresh.
 */
class HistoryWentBackError extends Error {
  constructor(plural: string, seen: bigint, listed: bigint) {
    super(`the server's history of ${plural} went back from revision ${seen} to ${listed}`);
    this.name = 'HistoryWentBackError';
  }
}

function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
