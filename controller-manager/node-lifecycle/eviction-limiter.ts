/** One node after another per zone: remembers when the last one's turn was, and tells the next how long to wait at the rate that applies now. */
import type { Clock } from '#component/clock.ts';

export interface EvictionLimiter {
  /** 0 takes the turn; else how long until there may be one, which is never at a rate of 0. */
  take(zone: string, nodesPerSecond: number): number;
}

export function createEvictionLimiter(clock: Pick<Clock, 'monotonic'>): EvictionLimiter {
  const lastTurns = new Map<string, number>();
  return {
    take: (zone, nodesPerSecond) => {
      const nowMs = clock.monotonic();
      const waitMs = (lastTurns.get(zone) ?? Number.NEGATIVE_INFINITY) + 1_000 / nodesPerSecond - nowMs;
      if (nodesPerSecond === 0) return Number.POSITIVE_INFINITY;
      if (waitMs > 0) return waitMs;
      lastTurns.set(zone, nowMs);
      return 0;
    },
  };
}
