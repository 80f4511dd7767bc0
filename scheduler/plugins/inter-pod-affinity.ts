/**
 * Puts pods where others are, or are not, within a topology: same host, same zone. Required terms of the pod itself filter; so do the required
 * anti-affinity terms of pods that run already, because those must hold for newcomers, too. Preferred terms of both sides add to the score.
 */
import type { Pod } from '#api/generated/types.ts';
import type { Hints } from '../cluster-event.ts';
import type { NodeInfo } from '../node-info.ts';
import { doesNotFit, type FilterPoint, fits, maxOf, minOf, neverFits, SCORE_MAX, type SchedulerPlugin, type Scorer } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { type AffinityTerm, type NamespaceLabels, type PodShape, podShapeOf } from '../pod-shape.ts';
import type { Snapshot } from '../snapshot.ts';
import { createTopologyCounts } from './topology-counts.ts';

const AFFINITY_UNMET = neverFits("node(s) didn't match pod affinity rules");
const ANTI_AFFINITY_UNMET = doesNotFit("node(s) didn't match pod anti-affinity rules");
const EXISTING_ANTI_AFFINITY_UNMET = doesNotFit("node(s) didn't satisfy existing pods anti-affinity rules");

export interface InterPodAffinityArgs {
  /** What a required affinity of a running pod counts towards a newcomer that it matches. */
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

export const defaultInterPodAffinityArgs: InterPodAffinityArgs = { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false };

export function createInterPodAffinity(namespaceLabels: NamespaceLabels, args = defaultInterPodAffinityArgs): SchedulerPlugin {
  return {
    name: 'InterPodAffinity',
    hints: createHints(namespaceLabels),
    prepare: ({ shape }, snapshot) => ({
      ...createFilter(shape, snapshot, namespaceLabels),
      prepareScore: () => createScorer(shape, snapshot, namespaceLabels, args),
    }),
  };
}

function createFilter(own: PodShape, snapshot: Snapshot, namespaceLabels: NamespaceLabels): FilterPoint {
  const { requiredAffinity: affinity, requiredAntiAffinity: antiAffinity } = own;
  const wanted = createTopologyCounts();
  const unwanted = createTopologyCounts();
  const forbidden = createTopologyCounts();
  const isWanted = (other: PodShape): boolean => affinity.length > 0 && affinity.every((term) => term.matches(other, namespaceLabels));
  /** What pods of a shape mean for the pod, wherever they are. */
  const visit = (other: PodShape, count: (counts: typeof wanted, topologyKey: string) => void): void => {
    if (isWanted(other)) for (const { topologyKey } of affinity) count(wanted, topologyKey);
    for (const term of antiAffinity) if (term.matches(other, namespaceLabels)) count(unwanted, term.topologyKey);
    for (const term of other.requiredAntiAffinity) if (term.matches(own, namespaceLabels)) count(forbidden, term.topologyKey);
  };
  const asksForOthers = affinity.length > 0 || antiAffinity.length > 0;
  for (const places of asksForOthers ? snapshot.shapes.all() : snapshot.shapes.withRequiredAntiAffinity()) {
    visit(places.shape, (counts, topologyKey) => counts.addPlaces(places, topologyKey, 1, snapshot));
  }
  const changeBy = (amount: number) => (other: PodInfo, node: NodeInfo) =>
    visit(other.shape, (counts, topologyKey) => counts.add(node, topologyKey, amount));
  const whatIf = { addPod: changeBy(1), removePod: changeBy(-1) };
  if (!asksForOthers && forbidden.isEmpty()) return {};
  return {
    ...whatIf,
    filter: (node) => {
      if (!meetsAffinity(node)) return AFFINITY_UNMET;
      if (antiAffinity.some(({ topologyKey }) => unwanted.get(node, topologyKey) > 0)) return ANTI_AFFINITY_UNMET;
      return forbidden.sum(node) > 0 ? EXISTING_ANTI_AFFINITY_UNMET : fits;
    },
  };

  function meetsAffinity(node: NodeInfo): boolean {
    if (affinity.some(({ topologyKey }) => node.labels[topologyKey] === undefined)) return false;
    if (affinity.every(({ topologyKey }) => wanted.get(node, topologyKey) > 0)) return true;
    // The first of a group that wants to be with its like has nobody to be with; it may go anywhere that has the label.
    return wanted.isEmpty() && isWanted(own);
  }
}

/** Sums the weights per domain; undefined when no term on either side speaks of this pod. */
function createScorer(
  own: PodShape,
  snapshot: Snapshot,
  namespaceLabels: NamespaceLabels,
  { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods }: InterPodAffinityArgs,
): Scorer | undefined {
  const sums = createTopologyCounts();
  if (own.preferred.length > 0) {
    for (const places of snapshot.shapes.all()) {
      for (const { term, weight } of own.preferred) {
        if (term.matches(places.shape, namespaceLabels)) sums.addPlaces(places, term.topologyKey, weight, snapshot);
      }
    }
  }
  for (const places of snapshot.shapes.withAffinity()) {
    const addIfMeant = (term: AffinityTerm, weight: number): void => {
      if (weight !== 0 && term.matches(own, namespaceLabels)) sums.addPlaces(places, term.topologyKey, weight, snapshot);
    };
    for (const term of places.shape.requiredAffinity) addIfMeant(term, hardPodAffinityWeight);
    if (ignorePreferredTermsOfExistingPods) continue;
    for (const { term, weight } of places.shape.preferred) addIfMeant(term, weight);
  }
  return sums.isEmpty() ? undefined : { score: sums.sum, normalise: spreadOut };
}

/** The least becomes 0, the most the maximum: weights may be negative. */
function spreadOut(scores: readonly number[]): readonly number[] {
  const [min, max] = [minOf(scores), maxOf(scores)];
  return scores.map((score) => (max === min ? 0 : Math.floor((SCORE_MAX * (score - min)) / (max - min))));
}

/** Pods that come may be the company that is wanted, pods that leave the ones that were not; nodes bring domains. */
function createHints(namespaceLabels: NamespaceLabels): Hints {
  const isWantedBy = (pod: Pod, other: Pod): boolean => {
    const [{ requiredAffinity }, target] = [podShapeOf(pod), podShapeOf(other)];
    return requiredAffinity.length > 0 && requiredAffinity.every((term) => term.matches(target, namespaceLabels));
  };
  const wasInTheWay = (pod: Pod, other: Pod): boolean => {
    const [own, theirs] = [podShapeOf(pod), podShapeOf(other)];
    return (
      own.requiredAntiAffinity.some((term) => term.matches(theirs, namespaceLabels)) ||
      theirs.requiredAntiAffinity.some((term) => term.matches(own, namespaceLabels))
    );
  };
  const keysOf = (pod: Pod): readonly string[] => {
    const { requiredAffinity, requiredAntiAffinity } = podShapeOf(pod);
    return [...requiredAffinity, ...requiredAntiAffinity].map(({ topologyKey }) => topologyKey);
  };
  return {
    'pod-placed': (pod, event) => isWantedBy(pod, event.pod),
    'pod-changed': (pod, event) =>
      (isWantedBy(pod, event.pod) && !isWantedBy(pod, event.previous)) ||
      (wasInTheWay(pod, event.previous) && !wasInTheWay(pod, event.pod)),
    // The last of those that were wanted may have left, too: then the pod may be the first of its group.
    'pod-left': (pod, event) => wasInTheWay(pod, event.pod) || isWantedBy(pod, event.pod),
    'node-added': () => true,
    'node-changed': (pod, { node, previous }) => {
      const keys = keysOf(pod);
      return keys.length === 0 || keys.some((key) => node.metadata.labels?.[key] !== previous.metadata.labels?.[key]);
    },
  };
}
