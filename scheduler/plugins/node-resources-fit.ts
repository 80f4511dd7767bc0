/** A node must have room for what the pod requests; among those that have, the emptier is the better. */
import type { NodeInfo } from '../node-info.ts';
import { doesNotFit, fits, SCORE_MAX, type SchedulerPlugin, type Verdict } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';

/** What the emptiness of a node is judged by. */
export const SCORED_RESOURCES = ['cpu', 'memory'] as const;

export const nodeResourcesFit: SchedulerPlugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  wakeOn: ['node-changed', 'pod-left'],
  prepare: (pod) => ({
    filter: (node) => fitsInto(node, pod),
    prepareScore: () => ({ score: (node) => leastAllocated(node, pod) }),
  }),
};

function fitsInto({ allocatable, requested, pods }: NodeInfo, { requests }: PodInfo): Verdict {
  const reasons = [...requests]
    .filter(([name, amount]) => amount > 0 && amount > (allocatable.get(name) ?? 0) - (requested.get(name) ?? 0))
    .map(([name]) => `Insufficient ${name}`);
  const isFull = pods.length + 1 > (allocatable.get('pods') ?? 0);
  if (!isFull && reasons.length === 0) return fits;
  return doesNotFit(...(isFull ? ['Too many pods'] : []), ...reasons);
}

/** The mean over the resources of the share that would stay free. */
function leastAllocated({ allocatable, scoredRequested }: NodeInfo, pod: PodInfo): number {
  const shares = SCORED_RESOURCES.flatMap((name) => {
    const total = allocatable.get(name) ?? 0;
    if (total === 0) return [];
    const used = (scoredRequested.get(name) ?? 0) + (pod.scoredRequests.get(name) ?? 0);
    return [used > total ? 0 : Math.floor(((total - used) * SCORE_MAX) / total)];
  });
  return shares.length === 0 ? 0 : Math.floor(shares.reduce((sum, share) => sum + share, 0) / shares.length);
}
