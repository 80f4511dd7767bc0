/** The arguments of plugins, as `pluginConfig` holds them: defaults, and upstream's rules for what may be said. */
import { decodeObject } from '#api/decode.ts';
import { pods } from '#api/generated/resources.ts';
import type { PodSpec } from '#api/generated/types.ts';
import { forbiddenField, invalidStructure, invalidValue, required } from '#api/meta/field-path.ts';
import type { Json } from '#api/meta/json.ts';
import type { BalancedAllocationArgs } from '../plugins/balanced-allocation.ts';
import { type CurvePoint, POINT_SCORE_MAX } from '../plugins/curve.ts';
import { defaultInterPodAffinityArgs, type InterPodAffinityArgs } from '../plugins/inter-pod-affinity.ts';
import type { NodeAffinityArgs } from '../plugins/node-affinity.ts';
import { type ResourcesFitArgs, scoredResources, type WeightedResource } from '../plugins/node-resources-fit.ts';
import { defaultTopologySpreadArgs, type TopologySpreadArgs } from '../plugins/pod-topology-spread.ts';
import type { VolumeBindingArgs } from '../plugins/volume-binding.ts';
import { defaultPreemptionArgs, type PreemptionArgs } from '../preemption/default-preemption.ts';
import type { FieldReader } from './field-reader.ts';

const INT32_MAX = 2 ** 31 - 1;

export function readResourcesFitArgs(args: FieldReader): ResourcesFitArgs {
  const strategy = args.child('scoringStrategy');
  const type =
    strategy?.choice('type', ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'], 'LeastAllocated') ?? 'LeastAllocated';
  const resources = readResources(strategy, 'resources');
  const shape = readShape(strategy?.child('requestedToCapacityRatio'));
  if (strategy !== undefined && type === 'RequestedToCapacityRatio' && shape.length === 0) {
    strategy.report(required(`${strategy.pathOf('requestedToCapacityRatio')}.shape`, 'at least one point must be specified'));
  }
  strategy?.finish();
  return {
    scoringStrategy: { type, resources, shape },
    ignoredResources: args.texts('ignoredResources'),
    ignoredResourceGroups: args.texts('ignoredResourceGroups'),
  };
}

export function readBalancedAllocationArgs(args: FieldReader): BalancedAllocationArgs {
  return { resources: readResources(args, 'resources') };
}

function readResources(reader: FieldReader | undefined, name: string): readonly WeightedResource[] {
  const resources = (reader?.children(name) ?? []).map((one) => {
    const resource = {
      name: one.text('name'),
      weight: one.integer('weight', { min: 1, max: 100, otherwise: 'resource weight not in valid range [1, 100]' }) ?? 1,
    };
    one.finish();
    return resource;
  });
  return resources.length === 0 ? scoredResources : resources;
}

function readShape(reader: FieldReader | undefined): readonly CurvePoint[] {
  if (reader === undefined) return [];
  const points = reader.children('shape').map((one) => {
    const point = {
      utilization: one.integer('utilization', { min: 0, max: 100, otherwise: 'not in valid range [0-100]' }) ?? 0,
      score: one.integer('score', { min: 0, max: POINT_SCORE_MAX, otherwise: `not in valid range [0-${POINT_SCORE_MAX}]` }) ?? 0,
    };
    one.finish();
    return point;
  });
  points.slice(1).forEach(({ utilization }, index) => {
    if (utilization > (points[index]?.utilization ?? 0)) return;
    const path = `${reader.pathOf('shape')}[${index + 1}].utilization`;
    reader.report(invalidValue(path, utilization, 'utilization values must be sorted in increasing order'));
  });
  reader.finish();
  return points;
}

export function readInterPodAffinityArgs(args: FieldReader): InterPodAffinityArgs {
  const { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods } = defaultInterPodAffinityArgs;
  const bounds = { min: 0, max: 100, otherwise: 'not in valid range [0, 100]' };
  return {
    hardPodAffinityWeight: args.integer('hardPodAffinityWeight', bounds) ?? hardPodAffinityWeight,
    ignorePreferredTermsOfExistingPods: args.boolean('ignorePreferredTermsOfExistingPods', ignorePreferredTermsOfExistingPods),
  };
}

export function readPreemptionArgs(args: FieldReader): PreemptionArgs {
  const percent = { min: 0, max: 100, otherwise: 'not in valid range [0, 100]' };
  const absolute = { min: 0, max: INT32_MAX, otherwise: 'not in valid range [0, inf)' };
  const minCandidateNodesPercentage =
    args.integer('minCandidateNodesPercentage', percent) ?? defaultPreemptionArgs.minCandidateNodesPercentage;
  const minCandidateNodesAbsolute = args.integer('minCandidateNodesAbsolute', absolute) ?? defaultPreemptionArgs.minCandidateNodesAbsolute;
  if (minCandidateNodesPercentage === 0 && minCandidateNodesAbsolute === 0) {
    args.report(invalidStructure(args.path, 'both minCandidateNodesPercentage and minCandidateNodesAbsolute cannot be zero'));
  }
  return { minCandidateNodesPercentage, minCandidateNodesAbsolute };
}

export function readVolumeBindingArgs(args: FieldReader): VolumeBindingArgs {
  const bounds = { min: 0, max: INT32_MAX, otherwise: 'invalid BindTimeoutSeconds, should not be a negative value' };
  return { bindTimeoutMs: (args.integer('bindTimeoutSeconds', bounds) ?? 600) * 1_000 };
}

export function readNodeAffinityArgs(args: FieldReader): NodeAffinityArgs {
  const value = args.raw('addedAffinity');
  const nodeAffinity =
    value === undefined ? undefined : decodePart(args, 'addedAffinity', { affinity: { nodeAffinity: value } })?.affinity?.nodeAffinity;
  return nodeAffinity === undefined ? {} : { addedAffinity: nodeAffinity };
}

export function readTopologySpreadArgs(args: FieldReader): TopologySpreadArgs {
  const defaultingType = args.choice('defaultingType', ['System', 'List'], defaultTopologySpreadArgs.defaultingType);
  const value = args.raw('defaultConstraints');
  const defaultConstraints =
    value === undefined
      ? []
      : (decodePart(args, 'defaultConstraints', { topologySpreadConstraints: value })?.topologySpreadConstraints ?? []);
  const path = args.pathOf('defaultConstraints');
  if (defaultingType === 'System' && defaultConstraints.length > 0) {
    args.report(invalidValue(args.pathOf('defaultingType'), defaultingType, 'when .defaultConstraints are specified, must be "List"'));
  }
  defaultConstraints.forEach(({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector }, index) => {
    const at = `${path}[${index}]`;
    if (maxSkew <= 0) args.report(invalidValue(`${at}.maxSkew`, maxSkew, 'not in valid range (0, inf)'));
    if (topologyKey === '') args.report(required(`${at}.topologyKey`, 'can not be empty'));
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
      args.report(invalidValue(`${at}.whenUnsatisfiable`, whenUnsatisfiable, 'must be DoNotSchedule or ScheduleAnyway'));
    }
    if (labelSelector !== undefined) {
      args.report(forbiddenField(`${at}.labelSelector`, 'constraint must not define a selector, as they deduced for each pod'));
    }
  });
  return { defaultingType, defaultConstraints };
}

/** Parts that are the API's own are read as they are in a pod. */
function decodePart(args: FieldReader, name: string, spec: Readonly<Record<string, Json>>): PodSpec | undefined {
  try {
    const { object, unknownFields } = decodeObject(pods, { apiVersion: 'v1', kind: 'Pod', spec: { ...spec, containers: [] } });
    for (const unknown of unknownFields) args.report(invalidStructure(args.pathOf(name), unknown));
    return object.spec;
  } catch (error) {
    args.report(invalidStructure(args.pathOf(name), error instanceof Error ? error.message : String(error)));
    return undefined;
  }
}
