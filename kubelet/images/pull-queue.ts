/** Lets so many pulls through at a time, first come first served; as upstream, one unless told otherwise. How long each waited is told, for its event. */
import type { Clock } from '#component/clock.ts';

export interface PullQueue {
  /** Runs `pull` when it is its turn; `waitedMs` is told to it. */
  run<T>(pull: (waitedMs: number) => Promise<T>): Promise<T>;
}

export function createPullQueue(atOnceMax: number, { clock }: { readonly clock: Clock }): PullQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  return {
    run: async (pull) => {
      const cameMs = clock.monotonic();
      if (running >= atOnceMax) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await pull(clock.monotonic() - cameMs);
      } finally {
        // The place goes to the next one, or is given up.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
