/**
 * Which pods a Job's controller lets go of, and which of them it counts as what. Their uids are written into the status before their finalizers are taken off,
 * and leave it when they are off: then the counts go up. Pure. Upstream: trackJobStatusAndRemoveFinalizers.
 */
import type { Pod } from '#api/generated/types.ts';
import { indexOf, isFailed, isIndexed, isTracked } from './job-pods.ts';
import { hasValidIndex, type JobState } from './job-state.ts';
import type { Verdict } from './job-verdict.ts';
import { isCounted } from './pod-failure-policy.ts';

/** Uids in the status at a time, 20 KB of them; the others' turn comes when these are counted. */
const UNCOUNTED_PODS_MAX = 500;

export interface Tracking {
  readonly uncounted: JobState['uncounted'];
  /** These lose their finalizer once the status is written. */
  readonly letGo: readonly Pod[];
}

export function trackPods(state: JobState, verdict: Verdict | undefined): Tracking {
  const { job } = state;
  const succeeded = new Set(state.uncounted.succeeded);
  const failed = new Set(state.uncounted.failed);
  const letGo: Pod[] = [];
  for (const pod of state.pods) {
    if (succeeded.size + failed.size >= UNCOUNTED_PODS_MAX) break;
    if (!isTracked(pod) || !mayLetGo(state, pod, verdict)) continue;
    letGo.push(pod);
    const { uid } = pod.metadata;
    if (pod.status?.phase === 'Succeeded' && !failed.has(uid)) {
      // Of an indexed Job the index says it all.
      if (!isIndexed(job)) succeeded.add(uid);
    } else if (countsAsFailed(state, pod, verdict)) failed.add(uid);
  }
  return { uncounted: { succeeded: [...succeeded], failed: [...failed] }, letGo };
}

/** When the Job is going or decided, every pod; else those that ended, but for one that its index's next pod still has to learn from. */
function mayLetGo({ job, toReplace }: JobState, pod: Pod, verdict: Verdict | undefined): boolean {
  if (job.metadata.deletionTimestamp !== undefined || verdict !== undefined || pod.status?.phase === 'Succeeded') return true;
  return isFailed(job, pod) && toReplace.get(indexOf(pod) ?? -1) !== pod;
}

/** A Job that failed takes its living pods with it. */
function countsAsFailed({ job }: JobState, pod: Pod, verdict: Verdict | undefined): boolean {
  const isLost = isFailed(job, pod) || verdict?.outcome === 'failure';
  return isLost && hasValidIndex(job, pod) && isCounted(job, pod);
}
