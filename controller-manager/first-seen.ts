/**
 * Since when something has been so, by this process's own observation and its monotonic clock: neither a jump of the wall clock nor
 * somebody else's wrong time can make it look older than it is, and a restart starts a new grace period. Upstream's node lifecycle
 * controller keeps probe timestamps for the same reasons.
 */
import type { Clock } from '#component/clock.ts';

export interface FirstSeen {
  /** Milliseconds since the subject was first reported in this state; 0 when the state is new. */
  ageMs(subject: string, state: string): number;
  forget(subject: string): void;
}

export function createFirstSeen(clock: Pick<Clock, 'monotonic'>): FirstSeen {
  const seen = new Map<string, { readonly state: string; readonly atMs: number }>();
  return {
    ageMs: (subject, state) => {
      const nowMs = clock.monotonic();
      const known = seen.get(subject);
      if (known?.state === state) return nowMs - known.atMs;
      seen.set(subject, { state, atMs: nowMs });
      return 0;
    },
    forget: (subject) => {
      seen.delete(subject);
    },
  };
}
