/**
 * The queue of a controller: keys rather than events, so that a burst about one object is one piece of work. Its invariant: a key is
 * queued exactly when it is dirty and not processing. A key that is added while it is processed is queued again when it is done, so no
 * key is ever worked on twice at once and no change is lost. Failures delay a key by 5 ms, doubling up to 1,000 s, as client-go's do.
 */
import type { Clock } from '#component/clock.ts';

const FAILURE_DELAY_MS_MIN = 5;
const FAILURE_DELAY_MS_MAX = 1_000_000;
/** A timer cannot wait longer than 2^31 ms, and would not wait at all; a key that comes a day later finds out that it is too early. */
const DELAY_MS_MAX = 86_400_000;

export interface WorkQueue {
  add(key: string): void;
  /** Adds the key after a while, at most a day; the earliest of several delays counts. */
  addAfter(key: string, delayMs: number): void;
  /** Counts a failure of the key and adds it after the delay that goes with the count, which is returned. */
  addAfterFailure(key: string): number;
  /** Ends the key's run of failures. */
  forget(key: string): void;
  /** The next key, which is being processed until `done`. Rejects with the signal's reason when it is aborted. */
  take(signal: AbortSignal): Promise<string>;
  done(key: string): void;
  /** Keys that are ready to be taken. */
  size(): number;
  /** Drops what is delayed, so that no timer is left behind. */
  close(): void;
}

interface Delayed {
  readonly dueAtMs: number;
  readonly cancel: () => void;
}

export function createWorkQueue(clock: Clock): WorkQueue {
  /** Has work to do. */
  const dirty = new Set<string>();
  const processing = new Set<string>();
  /** Dirty and not processing, in order of arrival. */
  const queued = new Set<string>();
  const delayed = new Map<string, Delayed>();
  const failures = new Map<string, number>();
  const takers = new Set<(key: string) => void>();

  const enqueue = (key: string): void => {
    const [taker] = takers;
    if (taker === undefined) {
      queued.add(key);
      return;
    }
    takers.delete(taker);
    start(key);
    taker(key);
  };
  const start = (key: string): void => {
    dirty.delete(key);
    processing.add(key);
  };
  const add = (key: string): void => {
    if (dirty.has(key)) return;
    dirty.add(key);
    if (!processing.has(key)) enqueue(key);
  };
  const addAfter = (key: string, wantedMs: number): void => {
    const delayMs = Math.min(wantedMs, DELAY_MS_MAX);
    const dueAtMs = clock.monotonic() + delayMs;
    const waiting = delayed.get(key);
    if (waiting !== undefined && waiting.dueAtMs <= dueAtMs) return;
    waiting?.cancel();
    const cancel = clock.after(delayMs, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { dueAtMs, cancel });
  };

  return {
    add,
    addAfter,
    addAfterFailure: (key) => {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      const delayMs = Math.min(FAILURE_DELAY_MS_MIN * 2 ** count, FAILURE_DELAY_MS_MAX);
      addAfter(key, delayMs);
      return delayMs;
    },
    forget: (key) => {
      failures.delete(key);
    },
    take: async (signal) => {
      signal.throwIfAborted();
      const [key] = queued;
      if (key === undefined) return waitForKey(takers, signal);
      queued.delete(key);
      start(key);
      return key;
    },
    done: (key) => {
      processing.delete(key);
      if (dirty.has(key)) enqueue(key);
    },
    size: () => queued.size,
    close: () => {
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
    },
  };
}

function waitForKey(takers: Set<(key: string) => void>, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      takers.delete(take);
      reject(signal.reason);
    };
    const take = (key: string) => {
      signal.removeEventListener('abort', abort);
      resolve(key);
    };
    takers.add(take);
    signal.addEventListener('abort', abort, { once: true });
  });
}
