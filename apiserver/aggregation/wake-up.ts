/** A worker's alarm: it sleeps until somebody wakes it or its time is over. A call while it works is not lost: it will not sleep then. Used by the loops of this folder. */
import type { Clock } from '#component/clock.ts';

export interface WakeUp {
  wake(): void;
  /** Resolves when woken, since the last sleep even, when the time is over, or when the signal is aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

export function createWakeUp(clock: Clock): WakeUp {
  let isWoken = false;
  let rouse = () => {};

  async function rest(durationMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(durationMs, resolve);
    rouse = resolve;
    signal.addEventListener('abort', rouse, { once: true });
    await promise;
    signal.removeEventListener('abort', rouse);
    rouse = () => {};
    cancel();
  }

  return {
    wake: () => {
      isWoken = true;
      rouse();
    },
    sleep: async (durationMs, signal) => {
      if (!isWoken && !signal.aborted) await rest(durationMs, signal);
      isWoken = false;
    },
  };
}
