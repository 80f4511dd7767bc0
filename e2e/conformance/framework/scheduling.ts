/** What the scheduler decided of a pod: that there is no node for it, or which. */
import type { Json } from '../../cluster.ts';
import type { Resource } from './resource.ts';
import { conditionOf } from './workloads.ts';

/** Resolves when the scheduler has looked at the pod and found no node; gives what it said. */
export function untilUnschedulable(pods: Resource, name: string): Promise<string> {
  return pods.until(
    name,
    `the scheduler finds no node for ${name}`,
    (pod) => isUnschedulable(pod) && conditionOf(pod, 'PodScheduled')?.message,
  );
}

export function isUnschedulable(pod: Json | undefined): boolean {
  const condition = conditionOf(pod, 'PodScheduled');
  return condition?.status === 'False' && condition.reason === 'Unschedulable';
}

/** The name of its node. */
export function untilScheduled(pods: Resource, name: string): Promise<string> {
  return pods.until(name, `the scheduler finds a node for ${name}`, (pod) => pod?.spec.nodeName);
}
