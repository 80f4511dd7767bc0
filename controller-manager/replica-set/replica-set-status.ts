/**
 * A ReplicaSet's status from its pods: how many there are, carry all the template's labels, are ready, and have been ready for
 * `minReadySeconds`. Upstream: pkg/controller/replicaset/replica_set_utils.go.
 */
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { readySinceMs } from '../pod-readiness.ts';

interface Circumstances {
  readonly nowMs: number;
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** Neither ended nor on its way out. */
export function isActive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && !isOver(status?.phase);
}

/** `claimed` are all pods of the ReplicaSet, ended and terminating ones included. */
export function summarizePods(replicaSet: ReplicaSet, claimed: readonly Pod[], { nowMs, failure }: Circumstances): ReplicaSetStatus {
  const { generation } = replicaSet.metadata;
  const active = claimed.filter(isActive);
  const minReadyMs = (replicaSet.spec.minReadySeconds ?? 0) * 1_000;
  const readyFor = active.map(readySinceMs).filter((since) => since !== undefined);
  const counts = {
    fullyLabeledReplicas: active.filter((pod) => hasTemplateLabels(replicaSet, pod)).length,
    readyReplicas: readyFor.length,
    availableReplicas: readyFor.filter((since) => minReadyMs === 0 || since + minReadyMs <= nowMs).length,
    terminatingReplicas: claimed.filter(({ metadata, status }) => metadata.deletionTimestamp !== undefined && !isOver(status?.phase))
      .length,
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

/** When the next ready pod becomes available; undefined when none is waiting for that. */
export function availabilityCheckAfterMs(active: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = active
    .map(readySinceMs)
    .filter((since) => since !== undefined)
    .map((since) => since + minReadySeconds * 1_000 - nowMs)
    .filter((wait) => wait > 0);
  return minReadySeconds === 0 || waits.length === 0 ? undefined : Math.min(...waits);
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

function isOver(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
