/**
 * Spreads pods that belong together over hosts, zones and whatever else labels tell apart. A pod's own constraints are rules or wishes, as
 * `whenUnsatisfiable` says; a pod without any, that is one of several of a kind, gets upstream's two default wishes.
 */
import { matchesRequiredNodes } from '#api/core/v1/node-selector.ts';
import { findUntolerated } from '#api/core/v1/taint.ts';
import type { Pod, TopologySpreadConstraint } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { labelsOf, type NodeInfo } from '../node-info.ts';
import { doesNotFit, fits, SCORE_MAX, type SchedulerPlugin, type Scorer, type Verdict } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import type { PodMatcher } from '../pod-likeness.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const HARD_TAINT_EFFECTS = ['NoSchedule', 'NoExecute'];
const NO_MATCH = "node(s) didn't match pod topology spread constraints";

interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Which pods of the namespace count. */
  readonly counts: PodMatcher;
  readonly honoursAffinity: boolean;
  readonly honoursTaints: boolean;
}

/** `findLike` tells which pods are of a kind with a pod; undefined when it is on its own. */
export function createPodTopologySpread(findLike: (pod: Pod) => PodMatcher | undefined): SchedulerPlugin {
  return {
    name: 'PodTopologySpread',
    weight: 2,
    wakeOn: ['node-changed', 'pod-placed', 'pod-left'],
    prepare: (pod, nodes) => {
      const own = pod.pod.spec.topologySpreadConstraints ?? [];
      const compile = (when: string) =>
        own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when).map((one) => compileConstraint(one, pod.pod));
      const hard = compile('DoNotSchedule');
      return {
        ...(hard.length === 0 ? {} : { filter: createFilter(hard, pod, nodes) }),
        prepareScore: (feasible) => {
          const soft = own.length > 0 ? compile('ScheduleAnyway') : defaultConstraints(findLike(pod.pod));
          return soft.length === 0 ? undefined : createScorer(soft, pod, nodes, feasible, own.length > 0);
        },
      };
    },
  };
}

/** Upstream's defaults: hosts may differ by 3, zones by 5, before it counts for much. */
function defaultConstraints(counts: PodMatcher | undefined): readonly SpreadConstraint[] {
  if (counts === undefined) return [];
  const common = { minDomains: 1, counts, honoursAffinity: true, honoursTaints: false };
  return [
    { ...common, topologyKey: HOSTNAME, maxSkew: 3 },
    { ...common, topologyKey: ZONE, maxSkew: 5 },
  ];
}

function compileConstraint(constraint: TopologySpreadConstraint, { metadata: own }: Pod): SpreadConstraint {
  const { topologyKey, maxSkew, minDomains = 1, labelSelector, matchLabelKeys = [] } = constraint;
  const matches = labelSelector === undefined ? () => false : compileLabelSelector(labelSelector);
  const ownValues = matchLabelKeys.filter((key) => own.labels?.[key] !== undefined);
  return {
    topologyKey,
    maxSkew,
    minDomains,
    counts: ({ metadata: { labels } }) => matches(labels) && ownValues.every((key) => labels?.[key] === own.labels?.[key]),
    honoursAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honoursTaints: constraint.nodeTaintsPolicy === 'Honor',
  };
}

/** Whether a node's pods count at all for a constraint. */
function isIncluded(constraint: SpreadConstraint, { pod }: PodInfo, { node }: NodeInfo): boolean {
  if (constraint.honoursAffinity && !matchesRequiredNodes(pod, node)) return false;
  return !constraint.honoursTaints || findUntolerated(node.spec?.taints, pod.spec.tolerations, HARD_TAINT_EFFECTS) === undefined;
}

function hasAllKeys(constraints: readonly SpreadConstraint[], info: NodeInfo): boolean {
  return constraints.every(({ topologyKey }) => Object.hasOwn(labelsOf(info), topologyKey));
}

/** Pods that are ending no longer count: they are about to make room. */
function countPods({ counts }: SpreadConstraint, { pod }: PodInfo, { pods }: NodeInfo): number {
  const { namespace } = pod.metadata;
  return pods.filter(
    ({ pod: other }) => other.metadata.namespace === namespace && other.metadata.deletionTimestamp === undefined && counts(other),
  ).length;
}

/** Matching pods per value of the topology's label, over the nodes that count. */
function countDomains(constraint: SpreadConstraint, pod: PodInfo, nodes: readonly NodeInfo[]): Map<string, number> {
  const domains = new Map<string, number>();
  for (const node of nodes) {
    const value = labelsOf(node)[constraint.topologyKey];
    if (value === undefined || !isIncluded(constraint, pod, node)) continue;
    domains.set(value, (domains.get(value) ?? 0) + countPods(constraint, pod, node));
  }
  return domains;
}

function createFilter(constraints: readonly SpreadConstraint[], pod: PodInfo, nodes: readonly NodeInfo[]): (node: NodeInfo) => Verdict {
  const eligible = nodes.filter((node) => hasAllKeys(constraints, node));
  const counted = constraints.map((constraint) => {
    const domains = countDomains(constraint, pod, eligible);
    // With fewer domains than asked for, the missing ones count as empty.
    const least = domains.size < constraint.minDomains ? 0 : Math.min(...domains.values());
    return { constraint, domains, least, own: constraint.counts(pod.pod) ? 1 : 0 };
  });
  return (node) => {
    for (const { constraint, domains, least, own } of counted) {
      const value = labelsOf(node)[constraint.topologyKey];
      if (value === undefined) return doesNotFit(`${NO_MATCH} (missing required label)`);
      if ((domains.get(value) ?? 0) + own - least > constraint.maxSkew) return doesNotFit(NO_MATCH);
    }
    return fits;
  };
}

/**
 * Counts what is already in the node's domains, weighted so that topologies with few values are not drowned by those with many. Nodes
 * without the labels of the pod's own constraints score 0; the defaults do without the labels that a node lacks.
 */
function createScorer(
  constraints: readonly SpreadConstraint[],
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  feasible: readonly NodeInfo[],
  needsAllKeys: boolean,
): Scorer {
  const isEligible = (node: NodeInfo): boolean => !needsAllKeys || hasAllKeys(constraints, node);
  const eligible = feasible.filter(isEligible);
  const weighted = constraints.map((constraint) => {
    const { topologyKey } = constraint;
    const isPerNode = topologyKey === HOSTNAME;
    const values = new Set(eligible.map((node) => labelsOf(node)[topologyKey]));
    const domains = isPerNode ? undefined : countDomains(constraint, pod, nodes.filter(isEligible));
    return { constraint, domains, weight: Math.log((isPerNode ? eligible.length : values.size) + 2) };
  });
  const score = (node: NodeInfo): number => {
    let sum = 0;
    for (const { constraint, domains, weight } of weighted) {
      const value = labelsOf(node)[constraint.topologyKey];
      if (value === undefined) continue;
      const count = domains === undefined ? countPods(constraint, pod, node) : (domains.get(value) ?? 0);
      sum += count * weight + constraint.maxSkew - 1;
    }
    return Math.round(sum);
  };
  return { score: (node) => (isEligible(node) ? score(node) : Number.NaN), normalise: normaliseSpread };
}

/** Fewest is best; not a number is a node that does not take part. */
function normaliseSpread(scores: readonly number[]): readonly number[] {
  const known = scores.filter((score) => !Number.isNaN(score));
  const max = Math.max(0, ...known);
  const min = Math.min(...known);
  return scores.map((score) => {
    if (Number.isNaN(score)) return 0;
    return max === 0 ? SCORE_MAX : Math.floor((SCORE_MAX * (max + min - score)) / max);
  });
}
