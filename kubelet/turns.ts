/** Lets so many through at a time, first come first served: pulls of images, starts of containers. How long each waited is told. */
import type { Clock } from '#component/clock.ts';

export interface Turns {
  /** Runs `work` when it is its turn; `waitedMs` is told to it. */
  run<T>(work: (waitedMs: number) => Promise<T>): Promise<T>;
}

export function createTurns(atOnceMax: number, { clock }: { readonly clock: Clock }): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;

  return {
    run: async (work) => {
      const cameMs = clock.monotonic();
      if (running >= atOnceMax) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await work(clock.monotonic() - cameMs);
      } finally {
        // The place goes to the next one, or is given up.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
