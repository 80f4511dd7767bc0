/** A node and what runs there, as plugins see it for the length of one cycle. Never changed: a newer state is another value. */
import type { Node } from '#api/generated/types.ts';
import type { Labels } from '#api/meta/label-selector.ts';
import type { HostPort, PodInfo } from './pod-info.ts';
import { addAmounts, amountsOf, type ResourceAmounts, subtractAmounts } from './resource-amounts.ts';

export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly labels: Labels;
  /** Bound to the node or assumed to be, and not ended. */
  readonly pods: readonly PodInfo[];
  readonly allocatable: ResourceAmounts;
  readonly requested: ResourceAmounts;
  readonly scoredRequested: ResourceAmounts;
  readonly usedPorts: readonly HostPort[];
  /** The images that are there, in bytes, by every name that they have. */
  readonly images: ReadonlyMap<string, number>;
}

export function nodeInfoOf(node: Node, pods: readonly PodInfo[] = []): NodeInfo {
  return {
    ...factsOf(node),
    pods,
    requested: pods.map((pod) => pod.requests).reduce(addAmounts, new Map()),
    scoredRequested: pods.map((pod) => pod.scoredRequests).reduce(addAmounts, new Map()),
    usedPorts: pods.flatMap((pod) => pod.hostPorts),
  };
}

/** The same pods on a node that has changed. */
export function withNode(info: NodeInfo, node: Node): NodeInfo {
  return { ...info, ...factsOf(node) };
}

export function withPod(info: NodeInfo, pod: PodInfo): NodeInfo {
  return {
    ...info,
    pods: [...info.pods, pod],
    requested: addAmounts(info.requested, pod.requests),
    scoredRequested: addAmounts(info.scoredRequested, pod.scoredRequests),
    usedPorts: pod.hostPorts.length === 0 ? info.usedPorts : [...info.usedPorts, ...pod.hostPorts],
  };
}

/** `pod` must be one of the node's. */
export function withoutPod(info: NodeInfo, { uid }: PodInfo): NodeInfo {
  const index = info.pods.findIndex((other) => other.uid === uid);
  const gone = info.pods[index];
  if (gone === undefined) return info;
  const pods = info.pods.toSpliced(index, 1);
  return {
    ...info,
    pods,
    requested: subtractAmounts(info.requested, gone.requests),
    scoredRequested: subtractAmounts(info.scoredRequested, gone.scoredRequests),
    usedPorts: gone.hostPorts.length === 0 ? info.usedPorts : pods.flatMap((pod) => pod.hostPorts),
  };
}

function factsOf(node: Node): Pick<NodeInfo, 'name' | 'node' | 'labels' | 'allocatable' | 'images'> {
  return {
    name: node.metadata.name,
    node,
    labels: node.metadata.labels ?? {},
    allocatable: amountsOf(node.status?.allocatable),
    images: new Map(node.status?.images?.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const))),
  };
}
