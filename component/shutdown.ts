/** The outermost frame of every process: run until SIGTERM or SIGINT, then stop cleanly; a failure is logged and exits 1. */
import type { Logger } from './logger.ts';

/** A stop that takes longer than this is cut off, well before `docker stop` sends SIGKILL after 10 s. */
const STOP_MS_MAX = 8_000;

/** Runs `main` with a signal that aborts on SIGTERM or SIGINT and ends the process when it returns. */
export async function runProcess(log: Logger, main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'stopping');
      stop.abort(new Error(`stopped by ${name}`));
      setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    });
  }
  try {
    await main(stop.signal);
    process.exitCode = 0;
  } catch (error) {
    if (!stop.signal.aborted) {
      log.fatal({ err: error }, 'cannot go on');
      process.exitCode = 1;
    }
  } finally {
    log.flush();
    process.exit();
  }
}

/** Runs parts side by side until all have ended; the first failure aborts the others and is thrown. */
export async function runTogether(signal: AbortSignal, parts: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const group = new AbortController();
  const all = AbortSignal.any([signal, group.signal]);
  let failure: { error: unknown } | undefined;
  await Promise.all(
    parts.map(async (part) => {
      try {
        await part(all);
      } catch (error) {
        if (!all.aborted) failure ??= { error };
        group.abort(error);
      }
    }),
  );
  if (failure) throw failure.error;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
