/**
 * Lets pods go that no Job counts any more: their Job is gone or over, or they were taken away from it. Without this, the finalizer that the Job controller
 * gave them would keep them for ever. Upstream: syncOrphanPod.
 */
import { jobs } from '#api/generated/resources.ts';
import type { Job, Pod } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { isReason } from '#api/meta/status.ts';
import type { Action } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange } from '#client/controller.ts';
import { isManagedElsewhere, isTracked, stopTracking } from './job/job-pods.ts';
import { isOver } from './job/job-status.ts';
import { CONTROLLER, type SharedCaches } from './shared-caches.ts';

export interface TrackedPodSnapshot {
  readonly pod: Pod;
  /** The Job that controls it, unless that is gone. */
  readonly job: Job | undefined;
}

export function jobTrackingController(caches: SharedCaches): ControllerDefinition<TrackedPodSnapshot> {
  return {
    name: 'job-tracking',
    informers: [caches.pods, caches.jobs],
    triggers: [
      onRelatedChange(caches.pods, (pod) => (isTracked(pod) ? [keyOf(pod)] : [])),
      onRelatedChange(caches.jobs, (job) => caches.pods.store.listByIndex(CONTROLLER, job.metadata.uid).filter(isTracked).map(keyOf)),
    ],
    snapshot: (key) => snapshotTrackedPod(key, caches),
    reconcile: reconcileTrackedPod,
  };
}

export async function snapshotTrackedPod(key: ObjectKey, caches: SharedCaches): Promise<TrackedPodSnapshot | undefined> {
  const pod = caches.pods.store.find(key);
  if (pod === undefined || !isTracked(pod)) return undefined;
  const owner = controllerOf(pod);
  if (owner === undefined) return { pod, job: undefined };
  if (owner.kind !== 'Job' || owner.apiVersion !== 'batch/v1') return undefined;
  const known = caches.jobs.store.find({ ...key, name: owner.name });
  // Letting a pod go too early would lose its count, so a cache that does not know the Job is not believed.
  const job = known?.metadata.uid === owner.uid ? known : await findJob({ ...key, name: owner.name }, caches);
  return { pod, job: job?.metadata.uid === owner.uid ? job : undefined };
}

export function reconcileTrackedPod({ pod, job }: TrackedPodSnapshot): readonly Action[] {
  const isCounting = job !== undefined && (isManagedElsewhere(job) || !isOver(job));
  return isCounting ? [] : [stopTracking(pod)];
}

async function findJob(key: ObjectKey, { client }: SharedCaches): Promise<Job | undefined> {
  try {
    return await client.resource(jobs).get(key);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
