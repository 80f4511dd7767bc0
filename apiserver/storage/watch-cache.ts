/**
 * The API server's picture of the database: every object as final bytes plus the few parsed facts that selectors need, and a bounded window of past
 * changes. Fed by one storage watch over the whole prefix and by nothing else; writes never touch it. Serves GET, LIST and WATCH at a known
 * revision. Upstream: k8s.io/apiserver, pkg/storage/cacher; KEP-2340 (consistent reads from cache).
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { createCacheWatchers } from './cache-watchers.ts';
import { createEventWindow, EVENTS_MAX } from './event-window.ts';
import { createFillGarbage } from './fill-garbage.ts';
import { createObjectIndex, type Extent, type ObjectIndex } from './object-index.ts';
import { createRevisionGate } from './revision-gate.ts';
import { shareReads } from './shared-read.ts';
import { type Storage, StorageError, type StorageEvent, type StoredItem } from './storage.ts';

export interface CachedObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: bigint;
  /** Final JSON, resourceVersion included; shared, never written to. */
  readonly bytes: Buffer;
  readonly labels: Readonly<Record<string, string>>;
  /** Selectable fields by path (`spec.nodeName`), as `fieldsOf` gave them. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: bigint;
  /** After the change; for DELETED the last state with the deletion's revision. */
  readonly object: CachedObject;
  /** Before the change, so that a selector can turn MODIFIED into ADDED or DELETED. */
  readonly previous: CachedObject | undefined;
}

export interface CacheWatch {
  /** All events behind the last read position, oldest first, after waiting for at least one (or for `wake`); empty when only the revision advanced. */
  next(signal: AbortSignal): Promise<{ readonly events: readonly CacheEvent[]; readonly revision: bigint }>;
  close(): void;
}

export interface WatchCache {
  /** Fills the cache, then follows the storage until aborted; relists by itself when the storage has compacted what it needs. */
  run(signal: AbortSignal): Promise<void>;
  isReady(): boolean;
  /** The revision the cache reflects. */
  revision(): bigint;
  find(key: string): CachedObject | undefined;
  /** Objects whose key starts with `prefix`, in key order, all as of `revision()`. */
  list(prefix: string): readonly CachedObject[];
  /** About how much `list` would give, at no cost. */
  extent(prefix: string): Extent;
  /** Waits until the cache is filled and reflects `revision`; throws ApiError Timeout (too large resource version) after 3 s. */
  waitFor(revision: bigint, signal: AbortSignal): Promise<void>;
  /** Waits until the cache reflects everything acknowledged before the call. Callers that arrive together share one storage read. */
  waitUntilCurrent(signal: AbortSignal): Promise<void>;
  /** Changes after `sinceRevision` of keys starting with `prefix`; throws ApiError Expired when the window no longer reaches back that far. */
  watch(prefix: string, sinceRevision: bigint): CacheWatch;
}

export interface WatchCacheOptions {
  readonly storage: Storage;
  /** The selectable fields of an object, by its key's resource. */
  readonly fieldsOf: (key: string, object: unknown) => Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** A full collection of V8's, where the process may ask for one. */
  readonly collectGarbage?: (() => void) | undefined;
}

/** Everything the API server stores; one watch over it advances all resources together. */
const PREFIX = '/registry/';
/** The empty text before the first slash, `registry`, the group, the resource. */
const KEY_PARTS_BEFORE_NAMESPACE = 4;
/** A database that was never written to is at 1, a cache that was never filled at 0. */
const FILLED_REVISION_MIN = 1n;
/** A page is read in one turn of the event loop, at some 20 µs an object, and its bytes are garbage until the next collection. */
const PAGE_ITEMS_MAX = 250;
/** Between attempts to read an unavailable database. */
const REFILL_DELAY_MS = 1_000;
/** How often a watcher without events hears of the revision, for its bookmarks; clients expect one about every minute. */
const PROGRESS_INTERVAL_MS = 30_000;

/**
 * How far back the first filling begins, so that clients that watched before a restart go on where they were rather than list again. As many changes as the window
 * holds; fewer when the database remembers fewer.
 */
const HISTORY_REVISIONS_MAX = BigInt(EVENTS_MAX);

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export function createWatchCache(options: WatchCacheOptions): WatchCache {
  const { storage, clock } = options;
  const gate = createRevisionGate(clock);
  const window = createEventWindow(0n);
  const watchers = createCacheWatchers(window, gate.current, clock);
  const readCurrentRevision = shareReads(() => storage.currentRevision());
  const readItem = (item: StoredItem) => cachedObject(item, options);
  let objects = createObjectIndex();
  /** Everything up to here is in `objects`. */
  let reached = 0n;
  /** Until it has reached this revision the first time, the cache is older than what clients may have seen, and shows nothing. */
  let shownFrom = 0n;
  let isFilled = false;

  /** Where the first filling begins; afterwards there are watchers, which must never see the past again. */
  async function chooseStart(): Promise<bigint> {
    const current = await readCurrentRevision();
    shownFrom = current;
    if (isFilled) return current;
    const wanted = current - HISTORY_REVISIONS_MAX;
    return storage.oldestRevision(wanted > FILLED_REVISION_MIN ? wanted : FILLED_REVISION_MIN);
  }

  /** Reads everything as of one revision and puts it in the place of what was there. */
  async function fill(signal: AbortSignal): Promise<void> {
    const filled = createObjectIndex();
    const garbage = createFillGarbage(options.collectGarbage);
    let page = await storage.list(PREFIX, { limit: PAGE_ITEMS_MAX, revision: await chooseStart() });
    for (;;) {
      for (const item of page.items) filled.set(readItem(item));
      garbage.add(page.items.reduce((sum, { bytes }) => sum + bytes.length, 0));
      const last = page.items.at(-1);
      if (!page.hasMore || !last) break;
      signal.throwIfAborted();
      page = await storage.list(PREFIX, { limit: PAGE_ITEMS_MAX, after: last.key, revision: page.revision });
    }
    objects = filled;
    window.reset(page.revision);
    watchers.expire();
    reached = page.revision;
    show();
    options.log.info({ objects: filled.size(), revision: String(page.revision) }, 'watch cache filled');
  }

  async function follow(signal: AbortSignal): Promise<void> {
    for await (const changes of storage.watch(PREFIX, reached + 1n, signal, advance)) apply(changes);
  }

  function advance(revision: bigint): void {
    if (revision <= reached) return;
    reached = revision;
    show();
  }

  /** Lets readers see what was reached. */
  function show(): void {
    if (reached < shownFrom) return;
    isFilled = true;
    gate.set(reached);
  }

  /** All changes of one revision become visible together, to readers as to watchers. */
  function apply(changes: readonly StorageEvent[]): void {
    const events = changes.flatMap((change) => applyToIndex(change, objects, readItem) ?? []);
    window.append(events, clock.monotonic());
    advance(changes.at(-1)?.item.revision ?? 0n);
    watchers.notify(events, window.endPosition() - events.length);
  }

  async function notifyProgress(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(PROGRESS_INTERVAL_MS, signal);
      watchers.notifyProgress();
    }
  }

  async function keepFilled(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await fill(signal);
        await follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        options.log.warn({ err: error }, 'the watch cache must be filled again');
        if (!(error instanceof StorageError)) await clock.sleep(REFILL_DELAY_MS, signal);
      }
    }
  }

  return {
    run: async (signal) => {
      await Promise.all([keepFilled(signal), notifyProgress(signal)].map((task) => task.catch(throwUnless(signal))));
    },
    isReady: () => isFilled,
    revision: gate.current,
    find: (key) => objects.find(key),
    list: (prefix) => objects.list(prefix),
    extent: (prefix) => objects.extent(prefix),
    waitFor: (revision, signal) => gate.waitFor(revision > 0n ? revision : FILLED_REVISION_MIN, signal),
    waitUntilCurrent: async (signal) => gate.waitFor(await readCurrentRevision(), signal),
    watch: (prefix, sinceRevision) => watchers.open(prefix, sinceRevision),
  };
}

/** For a sleep that an abort has ended: the end of running, not a failure. */
function throwUnless(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

function applyToIndex(change: StorageEvent, objects: ObjectIndex, readItem: (item: StoredItem) => CachedObject): CacheEvent | undefined {
  const { item, type } = change;
  if (type === 'put') {
    const object = readItem(item);
    const previous = objects.set(object);
    return { type: previous ? 'MODIFIED' : 'ADDED', revision: item.revision, object, previous };
  }
  const previous = objects.delete(item.key);
  return (
    previous && { type: 'DELETED', revision: item.revision, object: { ...previous, revision: item.revision, bytes: item.bytes }, previous }
  );
}

/** An object that cannot be understood is served as it is, and matches no selector: one damaged value must not take the server down. */
function cachedObject(item: StoredItem, { fieldsOf, log }: WatchCacheOptions): CachedObject {
  const { key, bytes, revision } = item;
  const [namespaceOrName = '', name] = key.split('/').slice(KEY_PARTS_BEFORE_NAMESPACE);
  const place = { key, revision, bytes, namespace: name === undefined ? '' : namespaceOrName, name: name ?? namespaceOrName };
  try {
    const object: unknown = JSON.parse(bytes.toString());
    return { ...place, labels: labelsOf(object), fields: fieldsOf(key, object) };
  } catch (error) {
    log.error({ key, err: error }, 'a stored object cannot be read');
    return { ...place, labels: NO_LABELS, fields: {} };
  }
}

function labelsOf(object: unknown): Readonly<Record<string, string>> {
  const labels = fieldOf(fieldOf(object, 'metadata'), 'labels');
  if (typeof labels !== 'object' || labels === null) return NO_LABELS;
  return Object.fromEntries(Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
