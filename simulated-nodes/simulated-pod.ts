/**
 * One pod on a simulated node: from the pod as the API shows it to the writes that a kubelet would make now, and when to look again. Pure; run by
 * `simulated-nodes.ts` for every pod that is bound to a node of ours.
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodCondition, PodStatus } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { parseTime } from '#api/meta/time.ts';
import { type Action, remove, updateStatus } from '#client/apply-actions.ts';
import { formatTime } from '#component/clock.ts';
import type { PodConduct } from './pod-conduct.ts';
import { advanceContainer, advanceInitContainer, type ContainersMoment } from './simulated-containers.ts';

export interface SimulatedPodSnapshot {
  readonly pod: Pod;
  readonly conduct: PodConduct;
  readonly nodeIp: string;
  /** For a pod that has none yet; undefined while the node has no range to take it from. */
  readonly freeAddress: string | undefined;
  readonly nowMs: number;
}

export function reconcileSimulatedPod(snapshot: SimulatedPodSnapshot): readonly Action[] {
  const { pod, nowMs } = snapshot;
  if (pod.metadata.deletionTimestamp !== undefined) return endPod(snapshot);
  if (isOver(pod.status?.phase)) return [];
  const { status, nextMs } = statusNow(snapshot);
  const write = jsonEquals(status, pod.status) ? [] : [updateStatus(pods, { ...pod, status })];
  return nextMs === undefined ? write : [...write, { verb: 'requeue', afterMs: Math.max(nextMs - nowMs, 1) }];
}

/** Its containers have heard the signal and ended well. Only who holds a finalizer is still there to see that. */
function endPod({ pod, nowMs }: SimulatedPodSnapshot): readonly Action[] {
  const isSeen = (pod.metadata.finalizers ?? []).length > 0 && !isOver(pod.status?.phase);
  const last = isSeen ? [updateStatus(pods, { ...pod, status: endedStatus(pod, nowMs) })] : [];
  const isLeft = pod.metadata.deletionGracePeriodSeconds !== 0;
  return isLeft ? [...last, { ...deletion(pod), gracePeriodSeconds: 0 }] : last;
}

function deletion(pod: Pod): Extract<Action, { verb: 'delete' }> {
  const action = remove(pods, pod);
  if (action.verb !== 'delete') throw new Error('remove gives a deletion');
  return action;
}

function endedStatus(pod: Pod, nowMs: number): PodStatus {
  const containerStatuses = (pod.status?.containerStatuses ?? []).map((status) => {
    const startedAt = status.state?.running?.startedAt;
    if (startedAt === undefined) return status;
    return {
      ...status,
      ready: false,
      started: false,
      state: { terminated: { exitCode: 0, reason: 'Completed', startedAt, finishedAt: formatTime(nowMs) } },
    };
  });
  const status = { ...pod.status, phase: 'Succeeded', containerStatuses };
  return { ...status, conditions: conditionsOf(pod, status, nowMs) };
}

function statusNow(snapshot: SimulatedPodSnapshot): { readonly status: PodStatus; readonly nextMs: number | undefined } {
  const { pod, conduct, nowMs, nodeIp } = snapshot;
  const startTime = pod.status?.startTime ?? formatTime(nowMs);
  const moment: ContainersMoment = { pod, conduct, seenMs: parseTime(startTime) ?? nowMs, nowMs };
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) => advanceInitContainer(container, moment));
  const containers = pod.spec.containers.map((container) => advanceContainer(container, moment));
  const containerStatuses = containers.map(({ status }) => status);
  const status: PodStatus = {
    ...pod.status,
    ...addressOf(snapshot),
    hostIP: nodeIp,
    hostIPs: [{ ip: nodeIp }],
    startTime,
    phase: phaseOf(containerStatuses),
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
  };
  const moments = containers.flatMap(({ nextMs }) => nextMs ?? []);
  return {
    status: { ...status, conditions: conditionsOf(pod, status, nowMs) },
    nextMs: moments.length === 0 ? undefined : Math.min(...moments),
  };
}

function addressOf({ pod, nodeIp, freeAddress }: SimulatedPodSnapshot): PodStatus {
  const podIP = pod.spec.hostNetwork === true ? nodeIp : (pod.status?.podIP ?? freeAddress);
  return podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] };
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
function phaseOf(statuses: readonly NonNullable<PodStatus['containerStatuses']>[number][]): string {
  const exitCodes = statuses.map(({ state }) => state?.terminated?.exitCode);
  if (exitCodes.every((code) => code === 0)) return 'Succeeded';
  if (exitCodes.every((code) => code !== undefined)) return 'Failed';
  const hasBegun = statuses.some(({ state, lastState }) => state?.waiting === undefined || lastState?.terminated !== undefined);
  return hasBegun ? 'Running' : 'Pending';
}

function conditionsOf(pod: Pod, status: PodStatus, nowMs: number): readonly PodCondition[] {
  const unready = (status.containerStatuses ?? []).filter(({ ready }) => !ready).map(({ name }) => name);
  const hasStarted = (status.containerStatuses ?? []).some(({ state }) => state?.waiting?.reason !== 'ContainerCreating');
  const why = unreadyReason(status, unready);
  const own: readonly PodCondition[] = [
    { type: 'PodReadyToStartContainers', status: isOver(status.phase) ? 'False' : 'True' },
    { type: 'Initialized', status: hasStarted ? 'True' : 'False', ...(status.phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) },
    { type: 'Ready', status: unready.length === 0 && areGatesOpen(pod) ? 'True' : 'False', ...why },
    { type: 'ContainersReady', status: unready.length === 0 ? 'True' : 'False', ...why },
  ];
  const before = pod.status?.conditions ?? [];
  const foreign = before.filter(({ type }) => !own.some((condition) => condition.type === type));
  return [...own.map((condition) => withTransition(condition, before, nowMs)), ...foreign];
}

function unreadyReason({ phase }: PodStatus, unready: readonly string[]): { readonly reason?: string; readonly message?: string } {
  if (phase === 'Succeeded') return { reason: 'PodCompleted' };
  if (phase === 'Failed') return { reason: 'PodFailed' };
  if (unready.length === 0) return {};
  return { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

function areGatesOpen({ spec, status }: Pod): boolean {
  const isTrue = (type: string) => (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
  return (spec.readinessGates ?? []).every(({ conditionType }) => isTrue(conditionType));
}

function withTransition(condition: PodCondition, before: readonly PodCondition[], nowMs: number): PodCondition {
  const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
  return { ...condition, lastTransitionTime: same?.lastTransitionTime ?? formatTime(nowMs) };
}

function isOver(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
