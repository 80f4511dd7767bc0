/** A StatefulSet's status from its pods and revisions. Upstream: updateStatus, completeRollingUpdate in stateful_set_control.go. */
import type { StatefulSetStatus } from '#api/generated/types.ts';
import { revisionOf } from './identity.ts';
import { isRunningAndAvailable, type Replicas } from './replica-plan.ts';

export function summarizeReplicas({ set, pods, current, update, nowMs }: Replicas): StatefulSetStatus {
  const { generation } = set.metadata;
  const { replicas: wanted = 1, minReadySeconds = 0 } = set.spec;
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const madeFrom = (revision: string) => staying.filter((pod) => revisionOf(pod) === revision).length;
  const readyReplicas = pods.filter((pod) => isRunningAndAvailable(pod, 0, nowMs)).length;
  const updatedReplicas = madeFrom(update.revision);
  const isUpdated = updatedReplicas === wanted && readyReplicas === wanted && pods.length === wanted;
  const isDone = isUpdated && set.spec.updateStrategy?.type === 'RollingUpdate';
  const { conditions, collisionCount = 0 } = set.status ?? {};
  const counts = { readyReplicas, currentReplicas: isDone ? updatedReplicas : madeFrom(current.revision), updatedReplicas };
  return {
    replicas: pods.length,
    availableReplicas: pods.filter((pod) => isRunningAndAvailable(pod, minReadySeconds, nowMs)).length,
    // Zero counts are left out where a field may be absent.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    currentRevision: isDone ? update.revision : current.revision,
    updateRevision: update.revision,
    collisionCount,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
