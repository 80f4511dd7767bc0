/** The plugins, in the order in which they are asked: the cheap and the final first. */
import type { Pod } from '#api/generated/types.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import type { PodMatcher } from '../pod-likeness.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { createInterPodAffinity, type NamespaceLabels } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { createPodTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';

export interface PluginLookups {
  /** Which pods are of a kind with the pod; undefined when it is on its own. */
  readonly findLike: (pod: Pod) => PodMatcher | undefined;
  readonly namespaceLabels: NamespaceLabels;
}

export function createDefaultPlugins({ findLike, namespaceLabels }: PluginLookups): readonly SchedulerPlugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    createPodTopologySpread(findLike),
    createInterPodAffinity(namespaceLabels),
    balancedAllocation,
  ];
}
