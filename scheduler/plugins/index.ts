/** The plugins, in the order in which they are asked: the cheap and the final first. */
import type { Pod } from '#api/generated/types.ts';
import type { LabelMatcher } from '#api/meta/label-selector.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { createPodTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';

export interface PluginLookups {
  /** What a Service or workload selects the pod by; undefined when none does. */
  readonly findSelector: (pod: Pod) => LabelMatcher | undefined;
}

export function createDefaultPlugins({ findSelector }: PluginLookups): readonly SchedulerPlugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    createPodTopologySpread(findSelector),
    balancedAllocation,
  ];
}
