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
import type { WatchConnection } from './etcd-client.ts';
import type { WatchEvent, WatchResponse, WatchStart } from './etcd-messages.ts';
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
  readonly connect: (start: WatchStart) => WatchConnection;
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
    const { prefix } = options;
    const connection = options.connect({ prefix, rangeEnd: endOfPrefix(prefix), fromRevision: delivered + 1n });
    const cancel = () => connection.cancel();
    const cancelTimer = clock.after(CREATED_MS_MAX, cancel);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    const stopAsking = () => {
      askForProgress = () => {};
    };
    try {
      for await (const response of connection.responses()) {
        throwIfOver(response, delivered);
        if (response.isCreated) {
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

  function* handOver(response: WatchResponse): Generator<readonly StorageEvent[], void, undefined> {
    for (const { revision, changes } of byRevision(response.events)) {
      if (revision <= delivered) continue;
      yield changes;
      delivered = revision;
    }
    const isProgress = response.events.length === 0 && !response.isCreated;
    const { revision } = response;
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
        connection.requestProgress();
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

/** Compaction, a database that went back in time, or etcd's refusal end what can be had from here. */
function throwIfOver({ compactRevision, isCanceled, cancelReason, isCreated, revision }: WatchResponse, delivered: bigint): void {
  if (compactRevision > 0n) {
    throw new StorageError('compacted', `the changes behind ${delivered} were compacted at ${compactRevision}`);
  }
  if (isCanceled) throw new Error(`etcd canceled the watch: ${cancelReason}`);
  if (isCreated && revision < delivered) {
    throw new StorageError('compacted', `the database is at ${revision}, before ${delivered}: it was replaced`);
  }
}

interface Revision {
  readonly revision: bigint;
  readonly changes: readonly StorageEvent[];
}

/** etcd never splits a revision over responses unless asked for fragments, which we do not. */
function byRevision(events: readonly WatchEvent[]): readonly Revision[] {
  const grouped = Map.groupBy(events.map(decodeEvent), (change) => change.item.revision);
  return [...grouped].map(([revision, changes]) => ({ revision, changes }));
}

/** A deletion carries the last state, which etcd leaves out when it has just compacted it. Then only a new list tells what is there. */
function decodeEvent({ type, current: { key, value, modRevision: revision }, previous }: WatchEvent): StorageEvent {
  const state = type === 'put' ? value : previous?.value;
  if (state === undefined) throw new StorageError('compacted', `the last state of ${key}, deleted at ${revision}, was compacted`);
  return { type, item: { key, revision, bytes: withRevision(state, revision) } };
}

function reconnectDelayMs(failures: number, random: number): number {
  return Math.min(RECONNECT_MS_MIN * 2 ** Math.min(failures, 10), RECONNECT_MS_MAX) * (0.5 + random / 2);
}
