/** The revision the cache has reached, and those who wait for a later one. */
import type { Clock } from '#component/clock.ts';
import { tooLargeResourceVersion } from './revision-errors.ts';

/** Upstream's `blockTimeout`: a cache that is further behind answers "too large" rather than holding the request. */
const REVISION_WAIT_MS_MAX = 3_000;

export interface RevisionGate {
  current(): bigint;
  /** Moves on and lets those pass who waited for this. May go back only when the database was replaced by an older one. */
  set(revision: bigint): void;
  /** Resolves once `revision` is reached; throws Timeout after three seconds, or the signal's reason. */
  waitFor(revision: bigint, signal: AbortSignal): Promise<void>;
}

interface Waiter {
  readonly revision: bigint;
  readonly pass: () => void;
}

export function createRevisionGate(clock: Clock): RevisionGate {
  let current = 0n;
  const waiters = new Set<Waiter>();

  return {
    current: () => current,
    set: (revision) => {
      current = revision;
      for (const waiter of waiters) if (waiter.revision <= revision) waiter.pass();
    },
    waitFor: (revision, signal) => {
      signal.throwIfAborted();
      if (revision <= current) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(waiter);
          cancelTimer();
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = () => {
          leave();
          reject(signal.reason);
        };
        const waiter: Waiter = {
          revision,
          pass: () => {
            leave();
            resolve();
          },
        };
        const cancelTimer = clock.after(REVISION_WAIT_MS_MAX, () => {
          leave();
          reject(tooLargeResourceVersion(revision, current));
        });
        signal.addEventListener('abort', onAbort, { once: true });
        waiters.add(waiter);
      });
    },
  };
}
