/**
 * A ReplicaSet's status from its pods: how many there are, carry all the template's labels, are ready, and have been ready for
 * `minReadySeconds`. Upstream: pkg/controller/replicaset/replica_set_utils.go.
 */
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { isActive, isAvailable, isReady, isTerminating } from '../pod-readiness.ts';

interface Circumstances {
  readonly nowMs: number;
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** `claimed` are all pods of the ReplicaSet, ended and terminating ones included. */
export function summarizePods(replicaSet: ReplicaSet, claimed: readonly Pod[], { nowMs, failure }: Circumstances): ReplicaSetStatus {
  const { generation } = replicaSet.metadata;
  const active = claimed.filter(isActive);
  const { minReadySeconds = 0 } = replicaSet.spec;
  const counts = {
    fullyLabeledReplicas: active.filter((pod) => hasTemplateLabels(replicaSet, pod)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    terminatingReplicas: claimed.filter(isTerminating).length,
  };
  const conditions = noteFailure(replicaSet.status?.conditions ?? [], failure, nowMs);
  return {
    replicas: active.length,
    // Zero counts are left out, as everywhere in the API.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function noteFailure(
  conditions: readonly ReplicaSetCondition[],
  failure: Circumstances['failure'],
  nowMs: number,
): readonly ReplicaSetCondition[] {
  const others = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  if (others.length < conditions.length) return conditions;
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: formatTime(nowMs), ...failure }];
}

function hasTemplateLabels({ spec }: ReplicaSet, pod: Pod): boolean {
  return Object.entries(spec.template?.metadata?.labels ?? {}).every(([name, value]) => pod.metadata.labels?.[name] === value);
}
