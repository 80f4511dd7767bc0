/**
 * Resizing a pod while it runs: whether the node has room for what its spec asks for now, and what it has been granted until then. Pure. What was granted last is
 * read off the pod's status, so that a kubelet that restarts knows it; a pod that was never resized is granted what it asks for.
 * Source: upstream's pkg/kubelet/allocation and https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
import { podRequests } from '#api/core/v1/pod-requests.ts';
import type { Amounts } from '#api/core/v1/resource-list.ts';
import type { Container, Pod, PodCondition, PodStatus, ResourceRequirements } from '#api/generated/types.ts';
import { quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';
import { initContainersOf, isSidecar, statusOf } from '../pod-snapshot.ts';
import { amountOf } from '../resource-amounts.ts';

export interface ResizeVerdict {
  /** The pod with the resources that the node has granted it. */
  readonly granted: Pod;
  /** Why it has not got what it asks for. */
  readonly pending: ResizePending | undefined;
}

export interface ResizePending {
  /** `Deferred`: there may be room later. `Infeasible`: never on this node. */
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

const resizable = ['cpu', 'memory'] as const;

/** `others`: the pods of the node that are not over, without this one. */
export function judgeResize(pod: Pod, others: () => readonly Pod[], allocatable: Amounts): ResizeVerdict {
  const granted = grantedPod(pod);
  if (granted === pod) return { granted, pending: undefined };
  const pending = findHindrance(pod, others().map(grantedPod), allocatable);
  return { granted: pending === undefined ? pod : granted, pending };
}

/** As its status tells; the pod itself when it has what it asks for. */
export function grantedPod(pod: Pod): Pod {
  const grant = (container: Container) => grantedContainer(pod, container);
  const containers = pod.spec.containers.map(grant);
  const initContainers = initContainersOf(pod).map((container) => (isSidecar(container) ? grant(container) : container));
  const isSame = [...containers, ...initContainers].every(
    (container, index) => container === [...pod.spec.containers, ...initContainersOf(pod)][index],
  );
  if (isSame) return pod;
  return { ...pod, spec: { ...pod.spec, containers, ...(initContainers.length === 0 ? {} : { initContainers }) } };
}

function grantedContainer(pod: Pod, container: Container): Container {
  const status = statusOf(pod, container.name);
  if (status?.resources === undefined) return container;
  const granted: ResourceRequirements = {
    ...container.resources,
    ...withResizable('requests', container.resources?.requests, status.allocatedResources),
    ...withResizable('limits', container.resources?.limits, status.resources.limits),
  };
  return isSameAmounts(granted, container.resources) ? container : { ...container, resources: granted };
}

/** Only processors and memory can be resized; of the rest the spec is right. */
function withResizable(
  kind: 'requests' | 'limits',
  spec: Readonly<Record<string, string>> = {},
  granted: Readonly<Record<string, string>> = {},
) {
  const others = Object.entries(spec).filter(([name]) => !resizable.some((one) => one === name));
  const own = resizable.flatMap((name) => (granted[name] === undefined ? [] : [[name, granted[name]] as const]));
  const amounts = Object.fromEntries([...others, ...own]);
  return { [kind]: amounts };
}

function isSameAmounts(left: ResourceRequirements, right: ResourceRequirements = {}): boolean {
  return (['requests', 'limits'] as const).every((kind) =>
    resizable.every((name) => amountOf(left[kind], name) === amountOf(right[kind], name)),
  );
}

function findHindrance(pod: Pod, others: readonly Pod[], allocatable: Amounts): ResizePending | undefined {
  const asks = [ask('memory', pod, others, allocatable), ask('cpu', pod, others, allocatable)];
  for (const { name, requested, capacity } of asks) {
    if (requested <= capacity) continue;
    const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`;
    return { reason: 'Infeasible', message };
  }
  for (const { name, requested, used, capacity } of asks.toReversed()) {
    if (requested + used <= capacity) continue;
    const message = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
    return { reason: 'Deferred', message };
  }
  return undefined;
}

/** Processors in thousandths, memory in bytes. */
function ask(name: (typeof resizable)[number], pod: Pod, others: readonly Pod[], allocatable: Amounts) {
  const numberOf = (amounts: Amounts): number => {
    const quantity = amounts.get(name);
    if (quantity === undefined) return 0;
    return name === 'cpu' ? quantityToMilli(quantity) : quantityToNumber(quantity);
  };
  const used = others.map((other) => numberOf(podRequests(other))).reduce((sum, amount) => sum + amount, 0);
  return { name, requested: numberOf(podRequests(pod)), used, capacity: numberOf(allocatable) };
}

export interface ResizeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is new about a resize in the status that is about to be written. */
export function resizeEvents(pod: Pod, { conditions = [] }: PodStatus): readonly ResizeEvent[] {
  const newOf = (type: string) => conditions.find((condition) => condition.type === type);
  const oldOf = (type: string) => pod.status?.conditions?.find((condition) => condition.type === type);
  const pending = newOf('PodResizePending');
  const [progress, before] = [newOf('PodResizeInProgress'), oldOf('PodResizeInProgress')];
  const isNewlyPending = pending !== undefined && !isSameReason(pending, oldOf('PodResizePending'));
  const hasNewError = progress?.reason === 'Error' && !isSameReason(progress, before);
  return [
    ...(isNewlyPending ? [resizeEvent('Warning', `Resize${pending.reason}`, `Pod resize ${pending.reason}`, pod, pending.message)] : []),
    ...(progress !== undefined && before === undefined ? [resizeEvent('Normal', 'ResizeStarted', 'Pod resize started', pod)] : []),
    ...(hasNewError ? [resizeEvent('Warning', 'ResizeError', 'Pod resize error', pod, progress.message)] : []),
    ...(progress === undefined && before !== undefined ? [resizeEvent('Normal', 'ResizeCompleted', 'Pod resize completed', pod)] : []),
  ];
}

function isSameReason(condition: PodCondition, before: PodCondition | undefined): boolean {
  return condition.reason === before?.reason && condition.message === before?.message;
}

function resizeEvent(type: ResizeEvent['type'], reason: string, words: string, pod: Pod, error?: string): ResizeEvent {
  return { type, reason, message: `${words}: ${summarizeResources(pod, error)}` };
}

function summarizeResources({ spec, metadata }: Pod, error: string | undefined): string {
  const summarize = (containers: readonly Container[]) => containers.map(({ name, resources = {} }) => ({ name, resources }));
  const initContainers = summarize((spec.initContainers ?? []).filter(isSidecar));
  return JSON.stringify({
    ...(initContainers.length === 0 ? {} : { initContainers }),
    containers: summarize(spec.containers),
    generation: metadata.generation ?? 0,
    ...(error === undefined ? {} : { error }),
  });
}
