/**
 * Whether a Job has come to its end, and why. The verdict is written down as `FailureTarget` or `SuccessCriteriaMet` before pods are let go, and stands
 * from then on. Pure. Upstream: syncJob, pkg/controller/job/success_policy.go.
 */
import type { Job, Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { parseTime } from '#api/meta/time.ts';
import { countIndexes, countShared, parseIndexes } from './index-set.ts';
import { isFailed, isIndexed } from './job-pods.ts';
import type { JobState } from './job-state.ts';
import { matchFailure } from './pod-failure-policy.ts';

export interface Verdict {
  readonly outcome: 'success' | 'failure';
  readonly reason: string;
  readonly message: string;
}

/** The verdict that is written down, or one that the pods call for; undefined while the Job goes on. */
export function judge(state: JobState): Verdict | undefined {
  return standingVerdict(state.job) ?? judgeFailure(state) ?? judgeIndexes(state) ?? judgeSuccessPolicy(state);
}

/** The end of a Job that got what it wanted: so many successes, or one where no number was given; and nobody runs any more. */
export function judgeCompletion({ job, succeeded }: JobState, activeLeft: number): Verdict | undefined {
  const isEnough = job.spec.completions === undefined ? succeeded > 0 : succeeded >= job.spec.completions;
  if (!isEnough || activeLeft > 0) return undefined;
  return { outcome: 'success', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
}

export function standingVerdict({ status }: Job): Verdict | undefined {
  const met = findCondition(status?.conditions, 'SuccessCriteriaMet');
  const target = findCondition(status?.conditions, 'FailureTarget');
  const standing = met?.status === 'True' ? met : target?.status === 'True' ? target : undefined;
  if (standing === undefined) return undefined;
  return { outcome: standing === met ? 'success' : 'failure', reason: standing.reason ?? '', message: standing.message ?? '' };
}

/** Milliseconds until the deadline; undefined when there is none, or while it does not run. */
export function deadlineAfterMs({ spec, status }: Job, nowMs: number): number | undefined {
  const startedMs = parseTime(status?.startTime);
  if (spec.activeDeadlineSeconds === undefined || startedMs === undefined || spec.suspend === true) return undefined;
  return startedMs + spec.activeDeadlineSeconds * 1_000 - nowMs;
}

function judgeFailure({ job, pods, failed, nowMs }: JobState): Verdict | undefined {
  const fatal = job.spec.podFailurePolicy && pods.filter((pod) => isFailed(job, pod)).map((pod) => matchFailure(job, pod));
  const fatalMatch = fatal?.find(({ action }) => action === 'FailJob');
  if (fatalMatch !== undefined) return failure('PodFailurePolicy', fatalMatch.message);
  if (failed > backoffLimit(job) || restartedTooOften(job, pods)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const leftMs = deadlineAfterMs(job, nowMs);
  return leftMs !== undefined && leftMs <= 0 ? failure('DeadlineExceeded', 'Job was active longer than specified deadline') : undefined;
}

/** Containers that are restarted in place count as well, as long as their pods live. */
function restartedTooOften(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const living = pods.filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending');
  const statuses = living.flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]);
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
  return restarts >= Math.max(1, backoffLimit(job));
}

function judgeIndexes({ job, failedIndexes, succeededIndexes }: JobState): Verdict | undefined {
  const { maxFailedIndexes, completions = 0 } = job.spec;
  const failed = countIndexes(failedIndexes);
  if (maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  const isOver = failed > 0 && failed + countIndexes(succeededIndexes) >= completions;
  return isOver ? failure('FailedIndexes', 'Job has failed indexes') : undefined;
}

function judgeSuccessPolicy({ job, succeededIndexes }: JobState): Verdict | undefined {
  if (!isIndexed(job) || succeededIndexes.length === 0) return undefined;
  for (const [position, rule] of (job.spec.successPolicy?.rules ?? []).entries()) {
    const required = rule.succeededIndexes === undefined ? undefined : parseIndexes(rule.succeededIndexes, job.spec.completions ?? 0);
    const count = required === undefined ? countIndexes(succeededIndexes) : countShared(succeededIndexes, required);
    const wanted = rule.succeededCount ?? (required === undefined ? Number.POSITIVE_INFINITY : countIndexes(required));
    if (count >= wanted) return { outcome: 'success', reason: 'SuccessPolicy', message: `Matched rules at index ${position}` };
  }
  return undefined;
}

function backoffLimit({ spec }: Job): number {
  return spec.backoffLimit ?? 6;
}

function failure(reason: string, message: string): Verdict {
  return { outcome: 'failure', reason, message };
}
