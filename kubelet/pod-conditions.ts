/**
 * The conditions of a pod that the kubelet answers for, in upstream's words, from one snapshot and the container statuses it leads to. Pure.
 * Times of last change are kept from the status before; conditions of others (`PodScheduled`, readiness gates) are passed on.
 * Source: the kubelet's pkg/kubelet/status/generate.go.
 */
import type { Container, Pod, PodCondition, PodStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { isInitialized } from './pod-phase.ts';
import { initContainersOf, isSidecar, newestSandbox, type PodSnapshot } from './pod-snapshot.ts';
import { findResizes } from './resize/engine-resources.ts';

/** The conditions the kubelet answers for. */
const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodResizePending', 'PodResizeInProgress'];

/** `status` is complete but for its own conditions; those in it are the others'. */
export function buildPodConditions(snapshot: PodSnapshot, status: PodStatus): readonly PodCondition[] {
  const disruption = disruptionState(snapshot);
  return mergeConditions(snapshot, [...ownConditionStates(snapshot, status), ...(disruption === undefined ? [] : [disruption])]);
}

/** Of a pod that the node has refused: what others say, and nothing about containers that will never be. */
export function keptConditions({ pod }: PodSnapshot): readonly PodCondition[] {
  return (pod.status?.conditions ?? []).filter(({ type }) => !ownConditions.includes(type));
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
    ...resizeStates(snapshot),
  ];
}

/** Only of a pod whose resources are changing. */
function resizeStates(snapshot: PodSnapshot): readonly ConditionState[] {
  const { pending, error } = snapshot.resize;
  const isInProgress = findResizes(snapshot).length > 0;
  const failure = error === undefined ? {} : { reason: 'Error', message: error };
  return [
    ...(pending === undefined ? [] : [{ type: 'PodResizePending', isTrue: true, ...pending }]),
    ...(isInProgress ? [{ type: 'PodResizeInProgress', isTrue: true, ...failure }] : []),
  ];
}

/** Whoever counts failures (a Job) can tell that this one was the node's. */
function disruptionState({ eviction }: PodSnapshot): ConditionState | undefined {
  if (eviction?.isForNode !== true) return undefined;
  return { type: 'DisruptionTarget', isTrue: true, reason: 'TerminationByKubelet', message: eviction.message };
}

function initializedState(snapshot: PodSnapshot, status: PodStatus): ConditionState {
  const type = 'Initialized';
  if (status.phase === 'Succeeded') return { type, isTrue: true, reason: 'PodCompleted' };
  if (isInitialized(snapshot)) return { type, isTrue: true };
  const initContainers = initContainersOf(snapshot.pod);
  const incomplete = initContainers.filter((container) => !isComplete(status, container)).map(({ name }) => name);
  return {
    type,
    isTrue: false,
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function isComplete(status: PodStatus, container: Container): boolean {
  const found = status.initContainerStatuses?.find(({ name }) => name === container.name);
  return isSidecar(container) ? found?.started === true : found?.ready === true;
}

/** Every container ready, sidecars included. */
function containersReadyState({ pod }: PodSnapshot, status: PodStatus): ConditionState {
  const type = 'Ready';
  if (status.phase === 'Succeeded') return { type, isTrue: false, reason: 'PodCompleted' };
  if (status.phase === 'Failed') return { type, isTrue: false, reason: 'PodFailed' };
  const sidecars = initContainersOf(pod).filter(isSidecar);
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
  const closed = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => gateProblem(conditionType, status.conditions ?? []));
  if (closed.length === 0) return { type: 'Ready', isTrue: true };
  return { type: 'Ready', isTrue: false, reason: 'ReadinessGatesNotReady', message: closed.join(', ') };
}

function gateProblem(gate: string, conditions: readonly PodCondition[]): readonly string[] {
  const condition = conditions.find(({ type }) => type === gate);
  if (condition === undefined) return [`corresponding condition of pod readiness gate "${gate}" does not exist.`];
  return condition.status === 'True' ? [] : [`the status of pod readiness gate "${gate}" is not "True", but ${condition.status}`];
}

function mergeConditions(snapshot: PodSnapshot, states: readonly ConditionState[]): readonly PodCondition[] {
  const previous = snapshot.pod.status?.conditions ?? [];
  const foreign = previous.filter(({ type }) => !ownConditions.includes(type) && !states.some((state) => state.type === type));
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
