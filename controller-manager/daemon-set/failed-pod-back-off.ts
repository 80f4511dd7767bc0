/**
 * How long a DaemonSet's failed pod is left alone before it is replaced. A kubelet that refuses a pod would refuse the next one as well, so the
 * first is replaced at once, the next on that node a second later, then two, up to a quarter of an hour. Used by `daemon-set.ts` alone.
 */
import type { Clock } from '#component/clock.ts';

const DELAY_MS_MIN = 1_000;
const DELAY_MS_MAX = 900_000;
/** A place where nothing failed for so long starts anew. */
const FORGOTTEN_AFTER_MS = 2 * DELAY_MS_MAX;

export interface FailedPodBackOff {
  /** Milliseconds until this failed pod may be replaced; 0: now. `place` is the DaemonSet and the node. */
  waitMs(place: string, podUid: string): number;
}

interface Failure {
  readonly podUid: string;
  /** When this pod may be replaced. */
  readonly dueAtMs: number;
  /** How much later its successor may be. */
  readonly delayMs: number;
}

export function createFailedPodBackOff(clock: Pick<Clock, 'monotonic'>): FailedPodBackOff {
  const failures = new Map<string, Failure>();
  return {
    waitMs: (place, podUid) => {
      const nowMs = clock.monotonic();
      for (const [other, { dueAtMs }] of failures) if (nowMs - dueAtMs > FORGOTTEN_AFTER_MS) failures.delete(other);
      const known = failures.get(place);
      const failure = known?.podUid === podUid ? known : nextFailure(podUid, known, nowMs);
      failures.set(place, failure);
      return Math.max(0, failure.dueAtMs - nowMs);
    },
  };
}

function nextFailure(podUid: string, previous: Failure | undefined, nowMs: number): Failure {
  if (previous === undefined) return { podUid, dueAtMs: nowMs, delayMs: DELAY_MS_MIN };
  const { dueAtMs, delayMs } = previous;
  return { podUid, dueAtMs: Math.max(nowMs, dueAtMs + delayMs), delayMs: Math.min(2 * delayMs, DELAY_MS_MAX) };
}
