/**
 * Takes back what was said of a pod that was to be evicted and was not: its condition `DisruptionTarget` becomes false when two minutes later nobody has deleted it, so that
 * nothing is concluded from it when the pod ends for other reasons. The key is the pod's. Upstream: pkg/controller/disruption (syncStalePodDisruption).
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { findCondition, withCondition } from '#api/meta/condition.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { parseTime } from '#api/meta/time.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { isActive } from './pod-readiness.ts';
import type { SharedCaches } from './shared-caches.ts';

const STALE_MS = 120_000;

export interface StaleDisruptionSnapshot {
  readonly pod: Pod;
  readonly nowMs: number;
}

export function staleDisruptionController({ pods: informer, clock }: SharedCaches): ControllerDefinition<StaleDisruptionSnapshot> {
  return {
    name: 'stale-disruption',
    informers: [informer],
    triggers: [onRelatedChange(informer, (pod) => (isDisruptionTarget(pod) ? [keyOf(pod)] : []))],
    snapshot: (key) => {
      const pod = informer.store.find(key);
      return pod === undefined ? undefined : { pod, nowMs: clock.now() };
    },
    reconcile: reconcileStaleDisruption,
  };
}

export function reconcileStaleDisruption({ pod, nowMs }: StaleDisruptionSnapshot): readonly Action[] {
  if (!isActive(pod) || !isDisruptionTarget(pod)) return [];
  const saidAtMs = parseTime(findCondition(pod.status?.conditions, 'DisruptionTarget')?.lastTransitionTime) ?? 0;
  const leftMs = saidAtMs + STALE_MS - nowMs;
  if (leftMs > 0) return [{ verb: 'requeue', afterMs: leftMs }];
  const conditions = withCondition(pod.status?.conditions, { type: 'DisruptionTarget', status: 'False' }, formatTime(nowMs));
  return [updateStatus(pods, { ...pod, status: { ...pod.status, conditions } })];
}

function isDisruptionTarget({ status }: Pod): boolean {
  return findCondition(status?.conditions, 'DisruptionTarget')?.status === 'True';
}
