/**
 * What a pod that has a node waits for, from its spec, its status and what was last told about it: its volumes, an image, an init
 * container, a probe, or nothing. Pure.
 */
import type { Container, ContainerStatus, Event, Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';

/** `events` are those about the pod. Gives what is awaited, each as one sentence; none when the pod is ready or has ended. */
export function findPodWaits(pod: Pod, events: readonly Event[]): readonly string[] {
  const { metadata, spec, status = {} } = pod;
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return [];
  if (metadata.deletionTimestamp !== undefined) return [waitForEnd(pod)];
  if (status.startTime === undefined) return [`for the kubelet of ${spec.nodeName} to take it up`];
  const warning = latestWarning(events);
  const isPrepared = findCondition(status.conditions, 'PodReadyToStartContainers')?.status !== 'False';
  const ofInit = (spec.initContainers ?? []).flatMap((one) => waitForInit(one, statusOf(one, status.initContainerStatuses)) ?? []);
  const [first] = ofInit;
  const waits =
    first === undefined ? spec.containers.flatMap((one) => waitForContainer(one, statusOf(one, status.containerStatuses)) ?? []) : [first];
  const gates = (spec.readinessGates ?? [])
    .filter(({ conditionType }) => findCondition(status.conditions, conditionType)?.status !== 'True')
    .map(({ conditionType }) => `for its readiness gate: the condition ${conditionType} is not True`);
  if (!isPrepared && warning !== undefined) return [`for its volumes and its network: ${warning}`];
  const isTold = warning === undefined || waits.length === 0;
  return [...waits, ...gates, ...(isTold ? [] : [`last warning: ${warning}`])];
}

function waitForEnd({ metadata, spec }: Pod): string {
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.length > 0) return `for somebody to remove its finalizers: ${finalizers.join(', ')}`;
  return `for its containers to end, as it is being deleted: the kubelet of ${spec.nodeName} gives them ${metadata.deletionGracePeriodSeconds ?? 0} s`;
}

function statusOf({ name }: Container, statuses: readonly ContainerStatus[] | undefined): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name);
}

/** A sidecar holds the others up until it has started, another init container until it has ended well. */
function waitForInit(container: Container, status: ContainerStatus | undefined): string | undefined {
  const isSidecar = container.restartPolicy === 'Always';
  if (isSidecar ? status?.started === true : status?.state?.terminated?.exitCode === 0) return undefined;
  const what = `for its init container ${container.name}`;
  if (status?.state?.running !== undefined) return isSidecar ? `${what} to start: ${probeOf(container, 'startupProbe')}` : `${what} to end`;
  return `${what}${stateOf(status)}`;
}

function waitForContainer(container: Container, status: ContainerStatus | undefined): string | undefined {
  if (status?.ready === true) return undefined;
  const what = `for its container ${container.name}`;
  if (status?.state?.running === undefined) return `${what}${stateOf(status)}`;
  if (status.started !== true) return `${what} to start: ${probeOf(container, 'startupProbe')}`;
  return `${what} to be ready: ${probeOf(container, 'readinessProbe')}`;
}

function probeOf(container: Container, kind: 'startupProbe' | 'readinessProbe'): string {
  const probe = container[kind];
  if (probe === undefined) return 'its state is not known yet';
  const name = kind === 'startupProbe' ? 'startup probe' : 'readiness probe';
  const { httpGet, tcpSocket, grpc, exec } = probe;
  if (httpGet !== undefined) return `its ${name} asks for ${httpGet.path ?? '/'} on port ${httpGet.port}`;
  if (tcpSocket !== undefined) return `its ${name} connects to port ${tcpSocket.port}`;
  if (grpc !== undefined) return `its ${name} asks gRPC port ${grpc.port}`;
  return `its ${name} runs ${exec?.command?.join(' ') ?? ''}`;
}

function stateOf(status: ContainerStatus | undefined): string {
  const { waiting, terminated } = status?.state ?? {};
  const ended = terminated ?? status?.lastState?.terminated;
  const because =
    ended === undefined ? '' : `; it ended with exit code ${ended.exitCode}${ended.reason === undefined ? '' : ` (${ended.reason})`}`;
  if (waiting === undefined) return because === '' ? ', which has not been created yet' : because;
  return `: ${[waiting.reason, waiting.message].filter((text) => text !== undefined && text !== '').join(': ')}${because}`;
}

function latestWarning(events: readonly Event[]): string | undefined {
  const timeOf = ({ lastTimestamp, eventTime, metadata }: Event): string => lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  const [latest] = events.filter(({ type }) => type === 'Warning').toSorted((left, right) => timeOf(right).localeCompare(timeOf(left)));
  return latest && `${latest.reason}: ${latest.message}`;
}
