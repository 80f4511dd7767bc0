/**
 * A watch on etcd that loses nothing over any number of connections. It resumes behind the last revision *delivered*: never behind a
 * response's header, which names the newest revision even when the events up to it are still to come. (The etcd3 package's own watcher
 * resumes behind the header and so drops a backlog when it is cut off.)
 *
 * Progress. Every revision of this etcd is a write below the watched prefix, unless somebody else writes there by hand; then the watch would
 * never see the revision that a consistent read waits for. So whoever reads the current revision says so through `want`, and while the watch has
 * not got there etcd is asked for progress, which it answers only after all events up to then. An idle watch asks nothing.
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { IEvent, IWatchResponse, WatchConnection } from './etcd-client.ts';
import { withRevision } from './object-bytes.ts';
import { endOfPrefix } from './sorted-keys.ts';
import { StorageError, type StorageEvent } from './storage.ts';

/** A connection on which etcd does not confirm the watch within this time is given up. */
const CREATED_MS_MAX = 5_000;
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 2_000;
/** As upstream's `progressRequestPeriod`. */
const PROGRESS_REQUEST_MS = 100;

export interface EtcdWatchOptions {
  readonly connect: () => Promise<WatchConnection>;
  readonly prefix: string;
  readonly fromRevision: bigint;
  readonly signal: AbortSignal;
  readonly onProgress: (revision: bigint) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface EtcdWatch {
  readonly changes: AsyncIterable<readonly StorageEvent[]>;
  /** Somebody waits for this revision. */
  want(revision: bigint): void;
}

export function createEtcdWatch(options: EtcdWatchOptions): EtcdWatch {
  const { signal, clock, log } = options;
  /** Everything up to here was handed over. */
  let delivered = options.fromRevision - 1n;
  let wanted = 0n;
  let askForProgress = () => {};

  async function* changes(): AsyncGenerator<readonly StorageEvent[], void, undefined> {
    for (let failures = 0; !signal.aborted; failures++) {
      const before = delivered;
      try {
        yield* followConnection();
      } catch (error) {
        if (error instanceof StorageError) throw error;
        if (signal.aborted) return;
        if (delivered > before) failures = 0;
        log.warn({ err: error, delivered: String(delivered) }, 'the watch on the database was cut off; resuming');
      }
      await clock.sleep(reconnectDelayMs(failures, options.random.next()), signal).catch(() => undefined);
    }
  }

  /** Hands over what one connection brings, until it fails. */
  async function* followConnection(): AsyncGenerator<readonly StorageEvent[], void, undefined> {
    const connection = await options.connect();
    const cancel = () => connection.cancel();
    const cancelTimer = clock.after(CREATED_MS_MAX, cancel);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    const stopAsking = () => {
      askForProgress = () => {};
    };
    try {
      connection.send({ create_request: createRequest(options.prefix, delivered + 1n) });
      for await (const response of connection.responses()) {
        throwIfOver(response, delivered);
        if (response.created) {
          cancelTimer();
          askForProgress = progressAsker(connection);
          askForProgress();
        }
        yield* handOver(response);
      }
    } finally {
      stopAsking();
      cancelTimer();
      signal.removeEventListener('abort', cancel);
      cancel();
    }
    throw new Error('etcd ended the watch stream');
  }

  function* handOver(response: IWatchResponse): Generator<readonly StorageEvent[], void, undefined> {
    for (const { revision, changes } of byRevision(response.events)) {
      if (revision <= delivered) continue;
      yield changes;
      delivered = revision;
    }
    const isProgress = response.events.length === 0 && !response.created;
    const revision = BigInt(response.header.revision);
    if (!isProgress || revision <= delivered) return;
    delivered = revision;
    options.onProgress(revision);
  }

  /** Asks now and then for progress while somebody waits; one timer at a time. */
  function progressAsker(connection: WatchConnection): () => void {
    let isWaiting = false;
    const ask = () => {
      if (isWaiting || wanted <= delivered) return;
      isWaiting = true;
      clock.after(PROGRESS_REQUEST_MS, () => {
        isWaiting = false;
        if (askForProgress !== ask || wanted <= delivered) return;
        connection.send({ progress_request: {} });
        ask();
      });
    };
    return ask;
  }

  return {
    changes: { [Symbol.asyncIterator]: changes },
    want: (revision) => {
      if (revision > wanted) wanted = revision;
      askForProgress();
    },
  };
}

function createRequest(prefix: string, fromRevision: bigint) {
  return {
    key: Buffer.from(prefix),
    range_end: Buffer.from(endOfPrefix(prefix)),
    start_revision: String(fromRevision),
    prev_kv: true,
    progress_notify: true,
  };
}

/** Compaction, a database that went back in time, or etcd's refusal end what can be had from here. */
function throwIfOver(response: IWatchResponse, delivered: bigint): void {
  if (BigInt(response.compact_revision) > 0n) {
    throw new StorageError('compacted', `the changes behind ${delivered} were compacted at ${response.compact_revision}`);
  }
  if (response.canceled) throw new Error(`etcd canceled the watch: ${response.cancel_reason}`);
  if (response.created && BigInt(response.header.revision) < delivered) {
    throw new StorageError('compacted', `the database is at ${response.header.revision}, before ${delivered}: it was replaced`);
  }
}

interface Revision {
  readonly revision: bigint;
  readonly changes: readonly StorageEvent[];
}

/** etcd never splits a revision over responses unless asked for fragments, which we do not. */
function byRevision(events: readonly IEvent[]): readonly Revision[] {
  const grouped = Map.groupBy(events.map(decodeEvent), (change) => change.item.revision);
  return [...grouped].map(([revision, changes]) => ({ revision, changes }));
}

/** A deletion carries the last state, which etcd leaves out when it has just compacted it. Then only a new list tells what is there. */
function decodeEvent({ type, kv, prev_kv: previous }: IEvent): StorageEvent {
  const key = String(kv.key);
  const revision = BigInt(kv.mod_revision);
  const state = type === 'Put' ? kv : previous;
  if (!state?.value) throw new StorageError('compacted', `the last state of ${key}, deleted at ${revision}, was compacted`);
  return { type: type === 'Put' ? 'put' : 'delete', item: { key, revision, bytes: withRevision(state.value, revision) } };
}

function reconnectDelayMs(failures: number, random: number): number {
  return Math.min(RECONNECT_MS_MIN * 2 ** Math.min(failures, 10), RECONNECT_MS_MAX) * (0.5 + random / 2);
}
