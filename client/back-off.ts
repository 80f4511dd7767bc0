/** How long to wait before trying again: longer after each failure, never quite the same for two clients, from the start after a success. */
import type { Random } from '#component/random.ts';

export interface BackOffOptions {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

export interface BackOff {
  /** The wait after one more failure. */
  nextMs(): number;
  /** To be called after a success. */
  reset(): void;
}

/** Doubles from the least to the greatest delay; each is spread over half to all of itself. */
export function createBackOff({ delayMsMin, delayMsMax }: BackOffOptions, random: Random): BackOff {
  let failures = 0;
  return {
    nextMs: () => {
      const delayMs = Math.min(delayMsMin * 2 ** failures, delayMsMax);
      failures += 1;
      return Math.round(delayMs * (0.5 + random.next() / 2));
    },
    reset: () => {
      failures = 0;
    },
  };
}
