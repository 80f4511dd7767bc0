/** A Job's status and conditions from what was observed and decided. Pure. Upstream: syncJob, enactJobFinished. */
import type { Job, JobCondition, JobStatus, Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { formatTime } from '#component/clock.ts';
import { isReady } from '../pod-readiness.ts';
import { formatIndexes } from './index-set.ts';
import { isIndexed } from './job-pods.ts';
import type { JobState } from './job-state.ts';
import type { Tracking } from './job-tracking.ts';
import { standingVerdict, type Verdict } from './job-verdict.ts';

export interface Decision {
  readonly verdict: Verdict | undefined;
  /** Pods being made and given up in this sync. */
  readonly created: number;
  readonly deletions: readonly Pod[];
  readonly tracking: Tracking;
  /** Whether the Job's wish to be suspended was acted on. */
  readonly isManaged: boolean;
}

export function describeJob(state: JobState, decision: Decision): JobStatus {
  const { job, counted, nowMs } = state;
  const { deletions, created, tracking } = decision;
  const { startTime, conditions } = describeCourse(state, decision);
  const left = state.active.filter((pod) => !deletions.includes(pod));
  const isDone = isFinished(state, decision);
  const succeeded = isIndexed(job) ? state.succeeded : counted.succeeded;
  const completedIndexes = formatIndexes(state.succeededIndexes);
  const counts = { active: left.length + created, succeeded, failed: counted.failed };
  return {
    // Zero counts are left out where a field may be absent.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ready: left.filter(isReady).length,
    terminating: state.terminating.length + deletions.length,
    uncountedTerminatedPods: Object.fromEntries(Object.entries(tracking.uncounted).filter(([, uids]) => uids.length > 0)),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completedIndexes === '' ? {} : { completedIndexes }),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(state.failedIndexes) }),
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(isDone && decision.verdict?.outcome === 'success' ? { completionTime: formatTime(nowMs) } : {}),
  };
}

/** The verdict stands, everybody is counted and nobody is left: now the Job may be called over. */
export function isFinished({ job, active, terminating }: JobState, { verdict, tracking: { uncounted, letGo } }: Decision): boolean {
  const isCounted = uncounted.succeeded.length + uncounted.failed.length + letGo.length === 0;
  return verdict !== undefined && standingVerdict(job) !== undefined && isCounted && active.length + terminating.length === 0;
}

/** Whether the Job goes into or comes out of suspension in this sync. */
export function suspensionChange({ job }: JobState, { isManaged }: Decision): 'Suspended' | 'Resumed' | undefined {
  if (!isManaged) return undefined;
  const held = findCondition(job.status?.conditions, 'Suspended')?.status === 'True';
  if (held === (job.spec.suspend === true)) return undefined;
  return held ? 'Resumed' : 'Suspended';
}

function describeCourse(
  state: JobState,
  decision: Decision,
): Pick<JobStatus, 'startTime'> & { readonly conditions: readonly JobCondition[] } {
  const { job, nowMs } = state;
  const now = formatTime(nowMs);
  const { conditions = [], startTime = job.spec.suspend === true ? undefined : now } = job.status ?? {};
  const { verdict } = decision;
  if (verdict !== undefined) {
    const interim = verdict.outcome === 'success' ? 'SuccessCriteriaMet' : 'FailureTarget';
    const final = verdict.outcome === 'success' ? 'Complete' : 'Failed';
    const wanted = isFinished(state, decision) ? [interim, final] : [interim];
    const added = wanted.filter((type) => findCondition(conditions, type)?.status !== 'True');
    return withStart(startTime, [...conditions, ...added.map((type) => newCondition(type, 'True', verdict, now))]);
  }
  switch (suspensionChange(state, decision)) {
    case 'Suspended':
      return withStart(startTime, replaceSuspended(conditions, 'True', { reason: 'JobSuspended', message: 'Job suspended' }, now));
    case 'Resumed':
      // The deadline counts the time that the Job was at work without a pause.
      return withStart(now, replaceSuspended(conditions, 'False', { reason: 'JobResumed', message: 'Job resumed' }, now));
    default:
      return withStart(startTime, conditions);
  }
}

function withStart(startTime: string | undefined, conditions: readonly JobCondition[]) {
  return startTime === undefined ? { conditions } : { startTime, conditions };
}

function replaceSuspended(
  conditions: readonly JobCondition[],
  status: string,
  why: Pick<Verdict, 'reason' | 'message'>,
  now: string,
): readonly JobCondition[] {
  const condition = newCondition('Suspended', status, why, now);
  if (findCondition(conditions, 'Suspended') === undefined) return [...conditions, condition];
  return conditions.map((other) => (other.type === 'Suspended' ? condition : other));
}

function newCondition(type: string, status: string, { reason, message }: Pick<Verdict, 'reason' | 'message'>, now: string): JobCondition {
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
}

export function isOver({ status }: Job): boolean {
  return ['Complete', 'Failed'].some((type) => findCondition(status?.conditions, type)?.status === 'True');
}
