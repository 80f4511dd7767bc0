/** A node and what runs there, as plugins see it for the length of one cycle. Never changed: a newer state is another value. */
import type { Node } from '#api/generated/types.ts';
import type { PodInfo } from './pod-info.ts';
import { addAmounts, amountsOf, type ResourceAmounts } from './resource-amounts.ts';

export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  /** Bound to the node or assumed to be, and not ended. */
  readonly pods: readonly PodInfo[];
  readonly allocatable: ResourceAmounts;
  readonly requested: ResourceAmounts;
  readonly scoredRequested: ResourceAmounts;
}

export function nodeInfoOf(node: Node, pods: readonly PodInfo[]): NodeInfo {
  return {
    name: node.metadata.name,
    node,
    pods,
    allocatable: amountsOf(node.status?.allocatable),
    requested: pods.map((pod) => pod.requests).reduce(addAmounts, new Map()),
    scoredRequested: pods.map((pod) => pod.scoredRequests).reduce(addAmounts, new Map()),
  };
}

export function labelsOf({ node }: NodeInfo): Readonly<Record<string, string>> {
  return node.metadata.labels ?? {};
}
