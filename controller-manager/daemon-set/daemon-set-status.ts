/** A DaemonSet's status from its nodes and pods; of several pods on a node the oldest counts. Upstream: updateDaemonSetStatus. */
import type { DaemonSetStatus } from '#api/generated/types.ts';
import { isAvailable, isReady } from '../pod-readiness.ts';
import type { Daemons } from './daemon-plan.ts';
import { isUpToDate, placementOn } from './daemon-pods.ts';

export function summarizeDaemons({ daemonSet, hash, nodes, podsByNode, nowMs }: Daemons): DaemonSetStatus {
  const { generation } = daemonSet.metadata;
  const { minReadySeconds = 0 } = daemonSet.spec;
  const placed = nodes.map((node) => ({
    shouldRun: placementOn(daemonSet, node).shouldRun,
    pod: podsByNode.get(node.metadata.name)?.[0],
  }));
  const desired = placed.filter(({ shouldRun }) => shouldRun);
  const current = desired.flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
  const available = current.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length;
  const counts = {
    updatedNumberScheduled: current.filter((pod) => isUpToDate(daemonSet, pod, hash)).length,
    numberAvailable: available,
    numberUnavailable: desired.length - available,
  };
  const { collisionCount, conditions } = daemonSet.status ?? {};
  return {
    currentNumberScheduled: current.length,
    numberMisscheduled: placed.filter(({ shouldRun, pod }) => !shouldRun && pod !== undefined).length,
    desiredNumberScheduled: desired.length,
    numberReady: current.filter(isReady).length,
    // Zero counts are left out, as everywhere in the API where a field may be absent.
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
