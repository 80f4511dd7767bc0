/**
 * The plugins there are, and the order in which the default profile asks them: the cheap and the final first. A plugin takes part in every
 * extension point that it has methods for, unless a configuration says otherwise.
 */
import type { Pod, PodDisruptionBudget } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import type { ShapeMatcher } from '../pod-likeness.ts';
import type { NamespaceLabels } from '../pod-shape.ts';
import { createDefaultPreemption } from '../preemption/default-preemption.ts';
import type { EnabledPlugin, Profile } from '../profile.ts';
import type { ClaimBindingDeps } from '../volumes/bind-claims.ts';
import type { Storage } from '../volumes/storage.ts';
import { createBalancedAllocation } from './balanced-allocation.ts';
import { createDefaultBinder } from './default-binder.ts';
import { dynamicResources } from './dynamic-resources.ts';
import { imageLocality } from './image-locality.ts';
import { createInterPodAffinity } from './inter-pod-affinity.ts';
import { createNodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { createNodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { createNodeVolumeLimits } from './node-volume-limits.ts';
import { createPodTopologySpread } from './pod-topology-spread.ts';
import { prioritySort } from './priority-sort.ts';
import { schedulingGates } from './scheduling-gates.ts';
import { taintToleration } from './taint-toleration.ts';
import { createVolumeBinding } from './volume-binding.ts';
import { createVolumeRestrictions } from './volume-restrictions.ts';
import { createVolumeZone } from './volume-zone.ts';

/** How long volumes may take to be made and bound. */
const BIND_TIMEOUT_MS = 600_000;

export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

/** What plugins look up in the cluster, and do in it. */
export interface PluginDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  /** Which pods are of a kind with the pod; undefined when it is on its own. */
  readonly findLike: (pod: Pod) => ShapeMatcher | undefined;
  readonly namespaceLabels: NamespaceLabels;
  readonly listBudgets: () => readonly PodDisruptionBudget[];
  readonly storage: Storage;
  readonly onStorageChange: ClaimBindingDeps['onStorageChange'];
}

export function createDefaultPlugins(deps: PluginDeps): readonly EnabledPlugin[] {
  const enable = (plugin: SchedulerPlugin, weight = 1): EnabledPlugin => ({ plugin, weight });
  return [
    enable(schedulingGates),
    enable(prioritySort),
    enable(nodeUnschedulable),
    enable(nodeName),
    enable(taintToleration, 3),
    enable(createNodeAffinity(), 2),
    enable(nodePorts),
    enable(createNodeResourcesFit()),
    enable(createVolumeRestrictions(deps.storage)),
    enable(createNodeVolumeLimits(deps.storage)),
    enable(createVolumeBinding({ ...deps, bindTimeoutMs: BIND_TIMEOUT_MS })),
    enable(createVolumeZone(deps.storage)),
    enable(createPodTopologySpread(deps.findLike), 2),
    enable(createInterPodAffinity(deps.namespaceLabels), 2),
    enable(dynamicResources),
    enable(createDefaultPreemption(deps)),
    enable(createBalancedAllocation()),
    enable(imageLocality),
    enable(createDefaultBinder(deps.client)),
  ];
}

/** Every plugin at every point: where it has nothing to say it is not asked. */
export function profileOf(schedulerName: string, plugins: readonly EnabledPlugin[]): Profile {
  return {
    schedulerName,
    points: {
      preEnqueue: plugins,
      queueSort: plugins,
      preFilter: plugins,
      filter: plugins,
      postFilter: plugins,
      preScore: plugins,
      score: plugins,
      reserve: plugins,
      permit: plugins,
      preBind: plugins,
      bind: plugins,
      postBind: plugins,
    },
  };
}
