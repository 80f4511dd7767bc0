/**
 * How long a Job waits before it makes another pod after some have failed: 10 s, then 20, 40 and so on. It is read off the pods themselves, which a Job keeps,
 * so that a restarted controller waits as long as one that was there all the time. Pure. Upstream: pkg/controller/job/backoff_utils.go.
 */
import type { Job, Pod } from '#api/generated/types.ts';
import { finishedAtMs, isFailed } from './job-pods.ts';

const DELAY_MS_MIN = 10_000;
const DELAY_MS_MAX = 600_000;

/** Only failures since the last success count. */
export function podDelayMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const successes = pods.filter(({ status }) => status?.phase === 'Succeeded').map(finishedAtMs);
  const lastSuccessMs = Math.max(0, ...successes);
  const failures = pods.filter((pod) => isFailed(job, pod)).map(finishedAtMs);
  const recent = failures.filter((failedMs) => failedMs > lastSuccessMs);
  return delayAfter(recent.length, Math.max(0, ...recent), nowMs);
}

/** Milliseconds still to wait after so many failures, of which the last was at `lastFailureMs`. */
export function delayAfter(failures: number, lastFailureMs: number, nowMs: number): number {
  if (failures === 0) return 0;
  const delayMs = Math.min(DELAY_MS_MIN * 2 ** (failures - 1), DELAY_MS_MAX);
  return Math.max(0, lastFailureMs + delayMs - nowMs);
}
