/**
 * The pod's status as the API shows it, from one snapshot. Pure: the worker writes it when it differs from what the API has. Times of
 * conditions and the start time are kept from the status before; conditions of others (`PodScheduled`, readiness gates) are passed on.
 */
import { qosClass } from '#api/core/v1/pod-requests.ts';
import type { Container, Pod, PodCondition, PodStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { buildContainerStatus } from './container-status.ts';
import { findPodEnd, isInitialized, isPodOver, phaseOf } from './pod-phase.ts';
import { initContainersOf, newestSandbox, type PodSnapshot } from './pod-snapshot.ts';

/** The conditions the kubelet answers for. */
const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];

export function buildPodStatus(snapshot: PodSnapshot): PodStatus {
  const { pod, nowMs, nodeIp } = snapshot;
  const previous = pod.status ?? {};
  const initContainerStatuses = initContainersOf(pod).map((container) => buildContainerStatus(snapshot, container));
  const containerStatuses = pod.spec.containers.map((container) => buildContainerStatus(snapshot, container));
  const phase = phaseOf(snapshot);
  const end = findPodEnd(snapshot);
  const podIp = podIpOf(snapshot);
  const status: PodStatus = {
    ...previous,
    phase,
    ...(end?.reason === undefined ? {} : { reason: end.reason }),
    ...(end?.message === undefined ? {} : { message: end.message }),
    hostIP: nodeIp,
    hostIPs: [{ ip: nodeIp }],
    startTime: previous.startTime ?? formatTime(nowMs),
    qosClass: previous.qosClass ?? qosClass(pod.spec),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
  };
  const conditions = mergeConditions(snapshot, ownConditionStates(snapshot, { ...status, conditions: previous.conditions ?? [] }));
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

interface ConditionState {
  readonly type: string;
  readonly isTrue: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function ownConditionStates(snapshot: PodSnapshot, status: PodStatus): readonly ConditionState[] {
  const containersReady = containersReadyState(snapshot, status);
  return [
    { type: 'PodReadyToStartContainers', isTrue: newestSandbox(snapshot)?.state.phase === 'running' && snapshot.network.phase === 'up' },
    initializedState(snapshot, status),
    readyState(snapshot.pod, status, containersReady),
    { ...containersReady, type: 'ContainersReady' },
  ];
}

function initializedState(snapshot: PodSnapshot, status: PodStatus): ConditionState {
  const type = 'Initialized';
  if (status.phase === 'Succeeded') return { type, isTrue: true, reason: 'PodCompleted' };
  if (isInitialized(snapshot)) return { type, isTrue: true };
  const initContainers = initContainersOf(snapshot.pod);
  const incomplete = initContainers.filter(({ name }) => !isComplete(status, name)).map(({ name }) => name);
  return {
    type,
    isTrue: false,
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function isComplete(status: PodStatus, containerName: string): boolean {
  const found = status.initContainerStatuses?.find(({ name }) => name === containerName);
  return found?.state?.terminated?.exitCode === 0 || (found?.started === true && found.state?.running !== undefined);
}

/** Every container ready, sidecars included. */
function containersReadyState({ pod }: PodSnapshot, status: PodStatus): ConditionState {
  const type = 'Ready';
  if (status.phase === 'Succeeded') return { type, isTrue: false, reason: 'PodCompleted' };
  if (status.phase === 'Failed') return { type, isTrue: false, reason: 'PodFailed' };
  const sidecars = initContainersOf(pod).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const unready = [...sidecars, ...pod.spec.containers].filter((container) => !isReady(status, container)).map(({ name }) => name);
  if (unready.length === 0) return { type, isTrue: true };
  return { type, isTrue: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

function isReady(status: PodStatus, { name }: Container): boolean {
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  return statuses.some((container) => container.name === name && container.ready);
}

/** Its containers are ready and every readiness gate is open. */
function readyState(pod: Pod, status: PodStatus, containersReady: ConditionState): ConditionState {
  if (!containersReady.isTrue) return containersReady;
  const closed = (pod.spec.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => !(status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True'));
  if (closed.length === 0) return { type: 'Ready', isTrue: true };
  const message = closed.map((type) => `the status of pod readiness gate "${type}" is not "True", but False`).join(', ');
  return { type: 'Ready', isTrue: false, reason: 'ReadinessGatesNotReady', message };
}

function mergeConditions(snapshot: PodSnapshot, states: readonly ConditionState[]): readonly PodCondition[] {
  const previous = snapshot.pod.status?.conditions ?? [];
  const foreign = previous.filter(({ type }) => !ownConditions.includes(type));
  const hasScheduled = foreign.some(({ type }) => type === 'PodScheduled');
  // A pod that was bound by hand, without a scheduler to say so.
  const scheduled: readonly ConditionState[] = hasScheduled ? [] : [{ type: 'PodScheduled', isTrue: true }];
  return [...[...states, ...scheduled].map((state) => toCondition(snapshot, state)), ...foreign];
}

function toCondition({ pod, nowMs }: PodSnapshot, state: ConditionState): PodCondition {
  const status = state.isTrue ? 'True' : 'False';
  const before = pod.status?.conditions?.find(({ type }) => type === state.type);
  const isSame = before?.status === status && before.lastTransitionTime !== undefined;
  return {
    type: state.type,
    status,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    lastTransitionTime: isSame ? (before.lastTransitionTime ?? formatTime(nowMs)) : formatTime(nowMs),
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    ...(state.message === undefined ? {} : { message: state.message }),
  };
}
