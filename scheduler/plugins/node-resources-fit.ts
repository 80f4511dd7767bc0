/**
 * A node must have room for what the pod requests. Which of those that have is the better is a strategy: the emptier one, the fuller one, or
 * by a curve over how full it would be. Source: upstream's pkg/scheduler/framework/plugins/noderesources.
 */
import type { Node, Pod } from '#api/generated/types.ts';
import type { Hints } from '../cluster-event.ts';
import type { NodeInfo } from '../node-info.ts';
import { doesNotFit, fits, neverFits, SCORE_MAX, type SchedulerPlugin, type Verdict } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { amountsOf, requestedAmounts } from '../resource-amounts.ts';
import { type CurvePoint, createCurve } from './curve.ts';

export interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly WeightedResource[];
  /** Of `RequestedToCapacityRatio`. */
  readonly shape?: readonly CurvePoint[];
}

export interface ResourcesFitArgs {
  readonly scoringStrategy: ScoringStrategy;
  /** Extended resources that somebody else counts. */
  readonly ignoredResources?: readonly string[];
  /** The same by domain: `example.com` is every resource under it. */
  readonly ignoredResourceGroups?: readonly string[];
}

/** What the fullness of a node is judged by, unless told otherwise. */
export const scoredResources: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export const defaultResourcesFitArgs: ResourcesFitArgs = { scoringStrategy: { type: 'LeastAllocated', resources: scoredResources } };

const FULL = 'Too many pods';

export function createNodeResourcesFit(args = defaultResourcesFitArgs): SchedulerPlugin {
  const isCounted = createCounted(args);
  const scoreOf = createScore(args.scoringStrategy);
  return {
    name: 'NodeResourcesFit',
    hints: createHints(isCounted),
    prepare: (pod) => {
      const requests = [...pod.requests].filter(([name, amount]) => amount > 0 && isCounted(name));
      return { filter: (node) => verdictOn(node, requests), prepareScore: () => ({ score: (node) => scoreOf(node, pod) }) };
    },
  };
}

type Requests = readonly (readonly [string, number])[];

function verdictOn({ allocatable, requested, pods }: NodeInfo, requests: Requests): Verdict {
  const isFull = pods.length + 1 > (allocatable.get('pods') ?? 0);
  const isShort = ([name, amount]: readonly [string, number]): boolean =>
    amount > (allocatable.get(name) ?? 0) - (requested.get(name) ?? 0);
  if (!isFull && !requests.some(isShort)) return fits;
  const short = requests.filter(isShort);
  const reasons = [...(isFull ? [FULL] : []), ...short.map(([name]) => `Insufficient ${name}`)];
  // What even the empty node does not have, no preemption brings.
  return short.some(([name, amount]) => amount > (allocatable.get(name) ?? 0)) ? neverFits(...reasons) : doesNotFit(...reasons);
}

function createCounted({ ignoredResources = [], ignoredResourceGroups = [] }: ResourcesFitArgs): (name: string) => boolean {
  if (ignoredResources.length === 0 && ignoredResourceGroups.length === 0) return () => true;
  return (name) => !name.includes('/') || !(ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split('/')[0] ?? ''));
}

/** A node helps that would have room for the pod if it were empty; one that changed, if it has more than before of something. */
function createHints(isCounted: (name: string) => boolean): Hints {
  const requestsOf = (pod: Pod): Requests => [...requestedAmounts(pod)].filter(([name, amount]) => amount > 0 && isCounted(name));
  const isLargeEnough = (pod: Pod, node: Node): boolean => {
    const allocatable = amountsOf(node.status?.allocatable);
    return (allocatable.get('pods') ?? 0) > 0 && requestsOf(pod).every(([name, amount]) => amount <= (allocatable.get(name) ?? 0));
  };
  const hasGrown = (pod: Pod, node: Node, previous: Node): boolean => {
    const [now, before] = [amountsOf(node.status?.allocatable), amountsOf(previous.status?.allocatable)];
    return ['pods', ...requestsOf(pod).map(([name]) => name)].some((name) => (now.get(name) ?? 0) > (before.get(name) ?? 0));
  };
  return {
    'node-added': (pod, { node }) => isLargeEnough(pod, node),
    'node-changed': (pod, { node, previous }) => hasGrown(pod, node, previous) && isLargeEnough(pod, node),
    'pod-left': () => true,
    'pod-changed': (pod, event) => {
      const [now, before] = [requestedAmounts(event.pod), requestedAmounts(event.previous)];
      return requestsOf(pod).some(([name]) => (now.get(name) ?? 0) < (before.get(name) ?? 0));
    },
  };
}

type Score = (node: NodeInfo, pod: PodInfo) => number;

function createScore(strategy: ScoringStrategy): Score {
  switch (strategy.type) {
    case 'LeastAllocated':
      return weightedMean(strategy.resources, 'scoredRequests', Math.floor, (used, total) =>
        used > total ? 0 : Math.floor(((total - used) * SCORE_MAX) / total),
      );
    case 'MostAllocated':
      return weightedMean(strategy.resources, 'scoredRequests', Math.floor, (used, total) =>
        Math.floor((Math.min(used, total) * SCORE_MAX) / total),
      );
    case 'RequestedToCapacityRatio': {
      const curve = createCurve(strategy.shape ?? []);
      // A score of 0 says nothing about a resource, so it does not count in the mean.
      return weightedMean(
        strategy.resources,
        'requests',
        Math.round,
        (used, total) => curve(used > total ? SCORE_MAX : Math.floor((used * SCORE_MAX) / total)),
        (score) => score > 0,
      );
    }
  }
}

/** Of a resource that few nodes have, only pods that ask for it care. */
function isOfInterest(name: string, pod: PodInfo): boolean {
  return !name.includes('/') || (pod.requests.get(name) ?? 0) > 0;
}

function weightedMean(
  resources: readonly WeightedResource[],
  by: 'requests' | 'scoredRequests',
  round: (value: number) => number,
  scoreOne: (used: number, total: number) => number,
  isCounted: (score: number) => boolean = () => true,
): Score {
  const onNode = by === 'requests' ? 'requested' : 'scoredRequested';
  return (node, pod) => {
    let [sum, weights] = [0, 0];
    for (const { name, weight } of resources) {
      const total = node.allocatable.get(name) ?? 0;
      if (total === 0 || !isOfInterest(name, pod)) continue;
      const score = scoreOne((node[onNode].get(name) ?? 0) + (pod[by].get(name) ?? 0), total);
      if (!isCounted(score)) continue;
      sum += score * weight;
      weights += weight;
    }
    return weights === 0 ? 0 : round(sum / weights);
  };
}
