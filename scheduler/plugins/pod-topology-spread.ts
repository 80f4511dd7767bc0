/**
 * Spreads pods that belong together over hosts, zones and whatever else labels tell apart. A pod's own constraints are rules or wishes, as
 * `whenUnsatisfiable` says; a pod without any gets those of the profile, which are upstream's two default wishes for pods that are one of
 * several of a kind.
 */
import type { Pod, TopologySpreadConstraint } from '#api/generated/types.ts';
import type { Hints } from '../cluster-event.ts';
import type { NodeInfo } from '../node-info.ts';
import { doesNotFit, type FilterPoint, fits, maxOf, minOf, neverFits, SCORE_MAX, type SchedulerPlugin, type Scorer } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import type { ShapeMatcher } from '../pod-likeness.ts';
import { type PodShape, podShapeOf } from '../pod-shape.ts';
import type { Snapshot } from '../snapshot.ts';
import { createDomainCounts } from './domain-counts.ts';
import { compileConstraints, hasAllKeys, isIncluded, type SpreadConstraint, systemDefaults } from './spread-constraint.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const TOO_FAR_AHEAD = doesNotFit("node(s) didn't match pod topology spread constraints");
const NO_LABEL = neverFits("node(s) didn't match pod topology spread constraints (missing required label)");

export interface TopologySpreadArgs {
  /** Of pods without constraints of their own; `System`: upstream's two wishes, `List`: `defaultConstraints`. */
  readonly defaultingType: 'System' | 'List';
  /** Their selectors are worked out from what the pod belongs to. */
  readonly defaultConstraints: readonly TopologySpreadConstraint[];
}

export const defaultTopologySpreadArgs: TopologySpreadArgs = { defaultingType: 'System', defaultConstraints: [] };

/** `findLike` tells which pods are of a kind with a pod; undefined when it is on its own. */
export function createPodTopologySpread(
  findLike: (pod: Pod) => ShapeMatcher | undefined,
  args = defaultTopologySpreadArgs,
): SchedulerPlugin {
  const defaults = args.defaultingType === 'System' ? systemDefaults : args.defaultConstraints;
  const constraintsOf = (pod: Pod, whenUnsatisfiable: string): readonly SpreadConstraint[] => {
    const own = pod.spec.topologySpreadConstraints ?? [];
    if (own.length > 0) return compileConstraints(own, whenUnsatisfiable, pod);
    const wanted = defaults.filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable);
    const likeness = wanted.length === 0 ? undefined : findLike(pod);
    return likeness === undefined ? [] : compileConstraints(wanted, whenUnsatisfiable, pod, likeness);
  };
  return {
    name: 'PodTopologySpread',
    hints: createHints((pod) => constraintsOf(pod, 'DoNotSchedule')),
    prepare: (pod, snapshot) => {
      const hard = constraintsOf(pod.pod, 'DoNotSchedule');
      return {
        ...(hard.length === 0 ? {} : createFilter(hard, pod, snapshot)),
        prepareScore: (feasible) => {
          const soft = constraintsOf(pod.pod, 'ScheduleAnyway');
          // The system's wishes do without the labels that a node lacks.
          const hasOwn = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0 || args.defaultingType === 'List';
          return soft.length === 0 ? undefined : createScorer(soft, pod, snapshot, feasible, hasOwn);
        },
      };
    },
  };
}

/** Matching pods by node name, of nodes that have any. */
function countByNode({ counts }: SpreadConstraint, { shape }: PodInfo, { shapes }: Snapshot): ReadonlyMap<string, number> {
  const matching = [...shapes.inNamespace(shape.namespace)].filter((places) => isCounted(places.shape, counts));
  const [first] = matching;
  if (first !== undefined && matching.length === 1) return first.nodes;
  const sums = new Map<string, number>();
  for (const { nodes } of matching) for (const [name, count] of nodes) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

function isCounted(shape: PodShape, counts: ShapeMatcher): boolean {
  return !shape.isTerminating && counts(shape);
}

function createFilter(constraints: readonly SpreadConstraint[], pod: PodInfo, snapshot: Snapshot): FilterPoint {
  const counted = constraints.map((constraint) => {
    const domains = createDomainCounts();
    const onNode = countByNode(constraint, pod, snapshot);
    for (const node of snapshot.nodes) {
      const value = node.labels[constraint.topologyKey];
      if (value === undefined || !hasAllKeys(constraints, node) || !isIncluded(constraint, pod.pod, node)) continue;
      domains.add(value, onNode.get(node.name) ?? 0);
    }
    return { constraint, domains, own: constraint.counts(pod.shape) ? 1 : 0 };
  });
  const changeBy = (amount: number) => (other: PodInfo, node: NodeInfo) => {
    if (other.shape.namespace !== pod.shape.namespace || !hasAllKeys(constraints, node)) return;
    for (const { constraint, domains } of counted) {
      if (!isCounted(other.shape, constraint.counts) || !isIncluded(constraint, pod.pod, node)) continue;
      domains.add(node.labels[constraint.topologyKey] ?? '', amount);
    }
  };
  return {
    addPod: changeBy(1),
    removePod: changeBy(-1),
    filter: ({ labels }) => {
      for (const { constraint, domains, own } of counted) {
        const value = labels[constraint.topologyKey];
        if (value === undefined) return NO_LABEL;
        // With fewer domains than asked for, the missing ones count as empty.
        const least = domains.size() < constraint.minDomains ? 0 : domains.least();
        if (domains.get(value) + own - least > constraint.maxSkew) return TOO_FAR_AHEAD;
      }
      return fits;
    },
  };
}

/**
 * Counts what is already in the node's domains, weighted so that topologies with few values are not drowned by those with many. Nodes
 * without the labels of the pod's own constraints score 0.
 */
function createScorer(
  constraints: readonly SpreadConstraint[],
  pod: PodInfo,
  snapshot: Snapshot,
  feasible: readonly NodeInfo[],
  needsAllKeys: boolean,
): Scorer {
  const isEligible = (node: NodeInfo): boolean => !needsAllKeys || hasAllKeys(constraints, node);
  const eligible = feasible.filter(isEligible);
  const weighted = constraints.map((constraint) => {
    const { topologyKey, maxSkew } = constraint;
    const onNode = countByNode(constraint, pod, snapshot);
    if (topologyKey === HOSTNAME) {
      const countOn = (node: NodeInfo): number => onNode.get(node.name) ?? 0;
      return { topologyKey, maxSkew, weight: Math.log(eligible.length + 2), countOn };
    }
    const domains = new Map<string, number>();
    for (const { labels } of eligible) {
      const value = labels[topologyKey];
      if (value !== undefined) domains.set(value, 0);
    }
    for (const [name, count] of onNode) {
      const node = snapshot.find(name);
      const value = node?.labels[topologyKey];
      if (node === undefined || value === undefined || !isEligible(node) || !isIncluded(constraint, pod.pod, node)) continue;
      const before = domains.get(value);
      if (before !== undefined) domains.set(value, before + count);
    }
    const countOn = ({ labels }: NodeInfo): number => domains.get(labels[topologyKey] ?? '') ?? 0;
    return { topologyKey, maxSkew, weight: Math.log(domains.size + 2), countOn };
  });
  const score = (node: NodeInfo): number => {
    let sum = 0;
    for (const { topologyKey, maxSkew, weight, countOn } of weighted) {
      if (node.labels[topologyKey] !== undefined) sum += countOn(node) * weight + maxSkew - 1;
    }
    return Math.round(sum);
  };
  return { score: (node) => (isEligible(node) ? score(node) : Number.NaN), normalise: normaliseSpread };
}

/** Fewest is best; not a number is a node that does not take part. */
function normaliseSpread(scores: readonly number[]): readonly number[] {
  const known = scores.filter((score) => !Number.isNaN(score));
  const max = Math.max(0, maxOf(known));
  const min = minOf(known);
  return scores.map((score) => {
    if (Number.isNaN(score)) return 0;
    return max === 0 ? SCORE_MAX : Math.floor((SCORE_MAX * (max + min - score)) / max);
  });
}

/** A pod that counts changes the balance wherever it comes, goes or changes; a node brings a domain or takes it away. */
function createHints(hardOf: (pod: Pod) => readonly SpreadConstraint[]): Hints {
  const counts = (pod: Pod, other: Pod): boolean => {
    if (pod.metadata.namespace !== other.metadata.namespace) return false;
    const shape = podShapeOf(other);
    return hardOf(pod).some((constraint) => constraint.counts(shape));
  };
  const hasKeys = (pod: Pod, labels: Readonly<Record<string, string>> = {}): boolean =>
    hardOf(pod).every(({ topologyKey }) => labels[topologyKey] !== undefined);
  return {
    'pod-placed': (pod, event) => counts(pod, event.pod),
    'pod-changed': (pod, event) => counts(pod, event.pod) || counts(pod, event.previous),
    'pod-left': (pod, event) => counts(pod, event.pod),
    'node-added': (pod, { node }) => hasKeys(pod, node.metadata.labels),
    'node-removed': (pod, { node }) => hasKeys(pod, node.metadata.labels),
    'node-changed': (pod, { node, previous }) => hasKeys(pod, node.metadata.labels) || hasKeys(pod, previous.metadata.labels),
  };
}
