/**
 * The plugins there are, in the order in which the default profile asks them: the cheap and the final first. Each says at which extension
 * points it takes part, with what weight it scores, and how it is made of its arguments.
 */
import type { Pod, PodDisruptionBudget } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import type { FieldReader } from '../configuration/field-reader.ts';
import {
  readBalancedAllocationArgs,
  readInterPodAffinityArgs,
  readNodeAffinityArgs,
  readPreemptionArgs,
  readResourcesFitArgs,
  readTopologySpreadArgs,
  readVolumeBindingArgs,
} from '../configuration/plugin-args.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import type { ShapeMatcher } from '../pod-likeness.ts';
import type { NamespaceLabels } from '../pod-shape.ts';
import { createDefaultPreemption } from '../preemption/default-preemption.ts';
import type { ExtensionPoint } from '../profile.ts';
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

/** The plugin, once there is a cluster for it. */
export type PluginFactory = (deps: PluginDeps) => SchedulerPlugin;

export interface PluginEntry {
  readonly name: string;
  readonly points: readonly ExtensionPoint[];
  /** Of its score in the default profile. */
  readonly weight: number;
  /** Reads the arguments, which may be empty, and reports what is wrong with them. */
  configure(args: FieldReader): PluginFactory;
}

type Places = Omit<PluginEntry, 'configure'>;

function plain(plugin: SchedulerPlugin, points: readonly ExtensionPoint[], weight = 1): PluginEntry {
  return { name: plugin.name, points, weight, configure: () => () => plugin };
}

function withDeps(places: Places, create: PluginFactory): PluginEntry {
  return { ...places, configure: () => create };
}

function withArgs<Args>(
  places: Places,
  readArgs: (args: FieldReader) => Args,
  create: (deps: PluginDeps, args: Args) => SchedulerPlugin,
): PluginEntry {
  return {
    ...places,
    configure: (reader) => {
      const args = readArgs(reader);
      return (deps) => create(deps, args);
    },
  };
}

const at = (name: string, points: readonly ExtensionPoint[], weight = 1): Places => ({ name, points, weight });
const filters = ['preFilter', 'filter'] as const;
const scores = ['preScore', 'score'] as const;
const reserves = ['reserve', 'preBind'] as const;

export const plugins: readonly PluginEntry[] = [
  plain(schedulingGates, ['preEnqueue']),
  plain(prioritySort, ['queueSort']),
  plain(nodeUnschedulable, ['filter']),
  plain(nodeName, ['filter']),
  plain(taintToleration, ['filter', ...scores], 3),
  withArgs(at('NodeAffinity', [...filters, ...scores], 2), readNodeAffinityArgs, (_deps, args) => createNodeAffinity(args)),
  plain(nodePorts, filters),
  withArgs(at('NodeResourcesFit', [...filters, ...scores]), readResourcesFitArgs, (_deps, args) => createNodeResourcesFit(args)),
  withDeps(at('VolumeRestrictions', filters), ({ storage }) => createVolumeRestrictions(storage)),
  withDeps(at('NodeVolumeLimits', filters), ({ storage }) => createNodeVolumeLimits(storage)),
  withArgs(at('VolumeBinding', [...filters, ...reserves]), readVolumeBindingArgs, (deps, args) =>
    createVolumeBinding({ ...deps, ...args }),
  ),
  withDeps(at('VolumeZone', filters), ({ storage }) => createVolumeZone(storage)),
  withArgs(at('PodTopologySpread', [...filters, ...scores], 2), readTopologySpreadArgs, ({ findLike }, args) =>
    createPodTopologySpread(findLike, args),
  ),
  withArgs(at('InterPodAffinity', [...filters, ...scores], 2), readInterPodAffinityArgs, ({ namespaceLabels }, args) =>
    createInterPodAffinity(namespaceLabels, args),
  ),
  plain(dynamicResources, ['postFilter']),
  withArgs(at('DefaultPreemption', ['postFilter']), readPreemptionArgs, createDefaultPreemption),
  withArgs(at('NodeResourcesBalancedAllocation', scores), readBalancedAllocationArgs, (_deps, args) => createBalancedAllocation(args)),
  plain(imageLocality, ['score']),
  withDeps(at('DefaultBinder', ['bind']), ({ client }) => createDefaultBinder(client)),
];
