/** Waits until something is as it should be, by asking again and again: for a command line that someone is watching, not for components. */
import type { Clock } from '#component/clock.ts';

const POLL_MS = 100;

/** `findProblem` gives what is still wrong, or undefined; one that throws counts as wrong. Throws the last problem when time is up. */
export async function waitFor(clock: Clock, durationMsMax: number, findProblem: () => Promise<string | undefined>): Promise<void> {
  const startMs = clock.monotonic();
  const never = new AbortController().signal;
  for (;;) {
    const problem = await findProblem().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (problem === undefined) return;
    if (clock.monotonic() - startMs >= durationMsMax) throw new Error(problem);
    await clock.sleep(POLL_MS, never);
  }
}
