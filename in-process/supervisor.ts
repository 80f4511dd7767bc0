/** Keeps a component running within this process: starts it again when it ends, as compose does, and lets a test kill it at any moment. */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';

/** What ends by itself is started again after this long. */
const RESTART_MS = 1_000;
/** A process needs a moment to start; what a killed one had sent has reached the server by then. */
const START_MS = 100;

export interface Supervisor {
  /** Until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends the component where it stands and starts a new one, which knows nothing of the old. */
  crash(): void;
}

/** `start` makes a new component and runs it. */
export function superviseComponent(
  start: (signal: AbortSignal) => Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Supervisor {
  let current = new AbortController();
  return {
    crash: () => current.abort(new Error('crashed on purpose')),
    run: async (signal) => {
      while (!signal.aborted) {
        current = new AbortController();
        const crashed = current.signal;
        try {
          await start(AbortSignal.any([signal, crashed]));
        } catch (error) {
          if (!signal.aborted && !crashed.aborted) log.error({ err: error }, 'a component ended; starting it again');
        }
        await clock.sleep(crashed.aborted ? START_MS : RESTART_MS, signal).catch(() => {});
      }
    },
  };
}
