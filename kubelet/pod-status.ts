/**
 * The pod's status as the API shows it, from one snapshot. Pure: the worker writes it when it differs from what the API has. The start time
 * is kept from the status before, as are fields that others write.
 */
import { qosClass } from '#api/core/v1/pod-requests.ts';
import type { Container, PodStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { buildContainerStatus } from './container-status.ts';
import { buildPodConditions, keptConditions } from './pod-conditions.ts';
import { findPodEnd, isPodOver, type PodEnd, phaseOf } from './pod-phase.ts';
import { ephemeralContainersOf, initContainersOf, type PodSnapshot } from './pod-snapshot.ts';

export function buildPodStatus(snapshot: PodSnapshot): PodStatus {
  const end = findPodEnd(snapshot);
  return end?.isRejection === true ? rejectedStatus(snapshot, end) : livingStatus(snapshot, end);
}

/** Nothing was made for it, so there is nothing to tell but why. */
function rejectedStatus(snapshot: PodSnapshot, { phase, reason, message }: PodEnd): PodStatus {
  const why = reason === undefined || message === undefined ? {} : { reason, message };
  return { ...commonStatus(snapshot), phase, ...why, conditions: keptConditions(snapshot) };
}

function commonStatus({ pod, nowMs }: PodSnapshot): PodStatus {
  const previous = pod.status ?? {};
  return {
    ...previous,
    startTime: previous.startTime ?? formatTime(nowMs),
    qosClass: previous.qosClass ?? qosClass(pod.spec),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}

function livingStatus(snapshot: PodSnapshot, end: PodEnd | undefined): PodStatus {
  const { pod, nodeIp } = snapshot;
  const statusesOf = (containers: readonly Container[]) => containers.map((container) => buildContainerStatus(snapshot, container));
  const initContainerStatuses = statusesOf(initContainersOf(pod));
  const ephemeralContainerStatuses = statusesOf(ephemeralContainersOf(pod));
  const podIp = podIpOf(snapshot);
  const phase = phaseOf(snapshot);
  // Why a pod ended is told when nothing of it runs any more, with the phase.
  const why = end?.reason === undefined || phase !== end.phase ? {} : { reason: end.reason, message: end.message ?? '' };
  const status: PodStatus = {
    ...commonStatus(snapshot),
    phase,
    ...why,
    hostIP: nodeIp,
    hostIPs: [{ ip: nodeIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses: statusesOf(pod.spec.containers),
    ...(ephemeralContainerStatuses.length === 0 ? {} : { ephemeralContainerStatuses }),
  };
  const conditions = buildPodConditions(snapshot, { ...status, conditions: pod.status?.conditions ?? [] });
  return podIp === undefined ? withoutAddress({ ...status, conditions }) : { ...status, conditions };
}

function withoutAddress({ podIP: _, podIPs: __, ...status }: PodStatus): PodStatus {
  return status;
}

/** The address of the running sandbox; a pod that has ended, or is going, keeps the one it had. */
function podIpOf(snapshot: PodSnapshot): string | undefined {
  const { network, pod, nodeIp } = snapshot;
  if (network.phase === 'up') return network.podIp;
  if (pod.spec.hostNetwork === true) return nodeIp;
  const isEnding = pod.metadata.deletionTimestamp !== undefined || isPodOver(snapshot);
  return isEnding ? pod.status?.podIP : undefined;
}
