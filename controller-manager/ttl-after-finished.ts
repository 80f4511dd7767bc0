/**
 * Deletes Jobs that are over, with their pods, `ttlSecondsAfterFinished` after they ended. What is deleted is the very version that was looked at: whoever
 * gives the Job more time meanwhile is heard. Upstream: pkg/controller/ttlafterfinished.
 */
import { jobs } from '#api/generated/resources.ts';
import type { Job } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { parseTime } from '#api/meta/time.ts';
import type { Action } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

/** Jobs deleted at once, as upstream's --concurrent-ttl-after-finished-syncs. */
const WORKERS = 5;

export interface FinishedJobSnapshot {
  readonly job: Job;
  readonly nowMs: number;
}

export function ttlAfterFinishedController(caches: SharedCaches): ControllerDefinition<FinishedJobSnapshot> {
  return {
    name: 'ttl-after-finished',
    informers: [caches.jobs],
    triggers: [onChange(caches.jobs)],
    snapshot: (key) => {
      const job = caches.jobs.store.find(key);
      return job && { job, nowMs: caches.clock.now() };
    },
    reconcile: reconcileFinishedJob,
    workers: WORKERS,
  };
}

export function reconcileFinishedJob({ job, nowMs }: FinishedJobSnapshot): readonly Action[] {
  const { ttlSecondsAfterFinished } = job.spec;
  const endedMs = endOf(job);
  if (ttlSecondsAfterFinished === undefined || endedMs === undefined || job.metadata.deletionTimestamp !== undefined) return [];
  const afterMs = endedMs + ttlSecondsAfterFinished * 1_000 - nowMs;
  if (afterMs > 0) return [{ verb: 'requeue', afterMs }];
  const { uid, resourceVersion } = job.metadata;
  return [{ verb: 'delete', type: jobs, key: keyOf(job), uid, resourceVersion, propagationPolicy: 'Foreground' }];
}

function endOf({ status }: Job): number | undefined {
  const ends = ['Complete', 'Failed'].map((type) => findCondition(status?.conditions, type));
  return parseTime(ends.find((condition) => condition?.status === 'True')?.lastTransitionTime);
}
