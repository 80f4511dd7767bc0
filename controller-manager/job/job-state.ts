/**
 * A Job as its controller sees it in one sync: which of its pods run, which ended and are not counted yet, and which indexes are done. The status only counts
 * pods that no longer carry the tracking finalizer; those in between are named in `uncountedTerminatedPods`, so that a controller that dies between two
 * writes counts none twice. Pure. Upstream: syncJob, trackJobStatusAndRemoveFinalizers.
 */
import type { Job, Pod } from '#api/generated/types.ts';
import { isActive, isTerminating } from '../pod-readiness.ts';
import { countIndexes, hasIndex, type IndexSet, noIndexes, parseIndexes, withIndexes } from './index-set.ts';
import {
  FAILURES_ANNOTATION,
  finishedAtMs,
  IGNORED_FAILURES_ANNOTATION,
  indexOf,
  isFailed,
  isIndexed,
  isTracked,
  type PodIndex,
} from './job-pods.ts';
import { isCounted, matchFailure } from './pod-failure-policy.ts';

export interface JobState {
  readonly job: Job;
  /** In order of their index. */
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** Of pods that still carry the finalizer. */
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** Pods without the finalizer: what the status says, and those that lost it since. */
  readonly counted: { readonly succeeded: number; readonly failed: number };
  /** All that ended, counted or not; of an indexed Job's successes each index once. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: IndexSet;
  /** With a limit per index only. */
  readonly failedIndexes: IndexSet;
  /** The last failed pod of each index that is still to get another, with a limit per index only: the next pod takes over its count. */
  readonly toReplace: ReadonlyMap<number, Pod>;
  readonly nowMs: number;
}

export function observeJob(job: Job, claimed: readonly Pod[], nowMs: number): JobState {
  const { status = {} } = job;
  const pods = isIndexed(job) ? claimed.toSorted((left, right) => (indexOf(left) ?? -1) - (indexOf(right) ?? -1)) : claimed;
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid, pod]));
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const uncounted = { succeeded: succeeded.filter((uid) => tracked.has(uid)), failed: failed.filter((uid) => tracked.has(uid)) };
  const counted = {
    succeeded: (status.succeeded ?? 0) + succeeded.length - uncounted.succeeded.length,
    failed: (status.failed ?? 0) + failed.length - uncounted.failed.length,
  };
  const named = new Set([...uncounted.succeeded, ...uncounted.failed]);
  const fresh = [...tracked.values()].filter((pod) => !named.has(pod.metadata.uid) && hasValidIndex(job, pod));
  const succeededIndexes = indexesDone(job, pods);
  const failedIndexes = indexesFailed(job, pods);
  const freshlySucceeded = fresh.filter(({ status: { phase } = {} }) => phase === 'Succeeded').length;
  const active = pods.filter(isActive);
  return {
    job,
    pods,
    active,
    terminating: pods.filter(isTerminating),
    uncounted,
    counted,
    succeeded: isIndexed(job) ? countIndexes(succeededIndexes) : counted.succeeded + uncounted.succeeded.length + freshlySucceeded,
    failed: counted.failed + uncounted.failed.length + fresh.filter((pod) => isFailed(job, pod) && isCounted(job, pod)).length,
    succeededIndexes,
    failedIndexes,
    toReplace: lastFailures({ job, pods, active, succeededIndexes, failedIndexes }),
    nowMs,
  };
}

/** An indexed Job counts no pod that has no index of its. */
export function hasValidIndex(job: Job, pod: Pod): boolean {
  const index = indexOf(pod);
  return !isIndexed(job) || (index !== undefined && index < (job.spec.completions ?? 0));
}

/** What the pod for this index is to know of those before it. */
export function placeOf({ job, toReplace }: JobState, index: number): PodIndex {
  const previous = toReplace.get(index);
  if (previous === undefined) return { index, failures: 0, ignoredFailures: 0 };
  const { failures, ignoredFailures } = failuresBefore(previous);
  return isCounted(job, previous)
    ? { index, failures: failures + 1, ignoredFailures }
    : { index, failures, ignoredFailures: ignoredFailures + 1 };
}

function indexesDone(job: Job, pods: readonly Pod[]): IndexSet {
  if (!isIndexed(job)) return noIndexes;
  const done = pods.filter((pod) => pod.status?.phase === 'Succeeded' && isTracked(pod) && hasValidIndex(job, pod));
  return withIndexes(parseIndexes(job.status?.completedIndexes ?? '', job.spec.completions ?? 0), indexesOf(done));
}

function indexesFailed(job: Job, pods: readonly Pod[]): IndexSet {
  const limit = job.spec.backoffLimitPerIndex;
  if (limit === undefined) return noIndexes;
  const isGivenUp = (pod: Pod): boolean => {
    if (!isFailed(job, pod) || !hasValidIndex(job, pod)) return false;
    const { action } = matchFailure(job, pod);
    return action === 'FailIndex' || (action !== 'Ignore' && failuresBefore(pod).failures >= limit);
  };
  return withIndexes(parseIndexes(job.status?.failedIndexes ?? '', job.spec.completions ?? 0), indexesOf(pods.filter(isGivenUp)));
}

function lastFailures({
  job,
  pods,
  active,
  succeededIndexes,
  failedIndexes,
}: Pick<JobState, 'job' | 'pods' | 'active' | 'succeededIndexes' | 'failedIndexes'>): ReadonlyMap<number, Pod> {
  if (job.spec.backoffLimitPerIndex === undefined) return new Map();
  const running = new Set(indexesOf(active));
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || !isTracked(pod) || !isFailed(job, pod) || !hasValidIndex(job, pod)) continue;
    if (hasIndex(succeededIndexes, index) || hasIndex(failedIndexes, index) || running.has(index)) continue;
    const other = last.get(index);
    if (other === undefined || isLater(pod, other)) last.set(index, pod);
  }
  return last;
}

function isLater(pod: Pod, other: Pod): boolean {
  return allFailures(other) <= allFailures(pod) && finishedAtMs(pod) >= finishedAtMs(other);
}

export function allFailures(pod: Pod): number {
  const { failures, ignoredFailures } = failuresBefore(pod);
  return failures + ignoredFailures;
}

function failuresBefore({ metadata }: Pod): { readonly failures: number; readonly ignoredFailures: number } {
  const read = (annotation: string): number => {
    const text = metadata.annotations?.[annotation] ?? '';
    return /^\d{1,9}$/.test(text) ? Number(text) : 0;
  };
  return { failures: read(FAILURES_ANNOTATION), ignoredFailures: read(IGNORED_FAILURES_ANNOTATION) };
}

export function indexesOf(pods: readonly Pod[]): readonly number[] {
  return pods.map(indexOf).filter((index) => index !== undefined);
}
