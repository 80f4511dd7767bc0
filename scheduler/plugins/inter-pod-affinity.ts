/**
 * Puts pods where others are, or are not, within a topology: same host, same zone. Required terms of the pod itself filter; so do the required
 * anti-affinity terms of pods that run already, because those must hold for newcomers, too. Preferred terms of both sides add to the score.
 */
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher, type Labels } from '#api/meta/label-selector.ts';
import { labelsOf, type NodeInfo } from '../node-info.ts';
import { doesNotFit, fits, type PluginCycle, SCORE_MAX, type SchedulerPlugin, type Scorer, type Verdict } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';

const AFFINITY_UNMET = "node(s) didn't match pod affinity rules";
const ANTI_AFFINITY_UNMET = "node(s) didn't match pod anti-affinity rules";
const EXISTING_ANTI_AFFINITY_UNMET = "node(s) didn't satisfy existing pods anti-affinity rules";
/** What a required affinity of a running pod counts towards a newcomer that it matches: upstream's default. */
const HARD_AFFINITY_WEIGHT = 1;

/** Gives a namespace's labels, for `namespaceSelector`. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

interface CompiledTerm {
  readonly topologyKey: string;
  matches(other: Pod): boolean;
}

export function createInterPodAffinity(namespaceLabels: NamespaceLabels): SchedulerPlugin {
  return {
    name: 'InterPodAffinity',
    weight: 2,
    wakeOn: ['node-changed', 'pod-placed', 'pod-left'],
    prepare: (pod, nodes) => {
      const compile = (term: PodAffinityTerm, owner: Pod) => compileTerm(term, owner, namespaceLabels);
      const filter = createFilter(pod.pod, nodes, compile);
      return {
        ...(filter === undefined ? {} : { filter }),
        prepareScore: () => createScorer(pod.pod, nodes, compile),
      } satisfies PluginCycle;
    },
  };
}

type Compile = (term: PodAffinityTerm, owner: Pod) => CompiledTerm;

/** Without a namespace or a namespace selector a term speaks of its owner's namespace. */
function compileTerm(term: PodAffinityTerm, owner: Pod, namespaceLabels: NamespaceLabels): CompiledTerm {
  const { namespaces = [], namespaceSelector, labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const matchesLabels: LabelMatcher = labelSelector === undefined ? () => false : compileLabelSelector(labelSelector);
  const matchesNamespace = namespaceSelector === undefined ? undefined : compileLabelSelector(namespaceSelector);
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.metadata.namespace ?? ''] : namespaces;
  const own = owner.metadata.labels ?? {};
  const isSame = (key: string, labels: Labels): boolean => own[key] === undefined || own[key] === labels[key];
  const differs = (key: string, labels: Labels): boolean => own[key] === undefined || own[key] !== labels[key];
  return {
    topologyKey: term.topologyKey,
    matches: ({ metadata: { namespace = '', labels = {} } }) =>
      (named.includes(namespace) || (matchesNamespace?.(namespaceLabels(namespace)) ?? false)) &&
      matchesLabels(labels) &&
      matchLabelKeys.every((key) => isSame(key, labels)) &&
      mismatchLabelKeys.every((key) => differs(key, labels)),
  };
}

function createFilter(pod: Pod, nodes: readonly NodeInfo[], compile: Compile): ((node: NodeInfo) => Verdict) | undefined {
  const affinity = requiredTerms(pod, 'podAffinity').map((term) => compile(term, pod));
  const antiAffinity = requiredTerms(pod, 'podAntiAffinity').map((term) => compile(term, pod));
  const wanted = affinity.map((term) =>
    domainsWith(term.topologyKey, nodes, ({ pod: other }) => affinity.every((one) => one.matches(other))),
  );
  const unwanted = antiAffinity.map((term) => domainsWith(term.topologyKey, nodes, ({ pod: other }) => term.matches(other)));
  const forbidden = domainsForbiddenTo(pod, nodes, compile);
  if (affinity.length === 0 && antiAffinity.length === 0 && forbidden.size === 0) return undefined;
  // The first of a group that wants to be with its like has nobody to be with; it may go anywhere that has the label.
  const isFirstOfGroup = wanted.every((domains) => domains.size === 0) && affinity.every((term) => term.matches(pod));
  return (node) => {
    const labels = labelsOf(node);
    const isMet = affinity.every(({ topologyKey }, index) => {
      const value = labels[topologyKey];
      return value !== undefined && (isFirstOfGroup || (wanted[index]?.has(value) ?? false));
    });
    if (!isMet) return doesNotFit(AFFINITY_UNMET);
    if (antiAffinity.some(({ topologyKey }, index) => unwanted[index]?.has(labels[topologyKey] ?? '')))
      return doesNotFit(ANTI_AFFINITY_UNMET);
    const isForbidden = [...forbidden].some(([key, values]) => values.has(labels[key] ?? ''));
    return isForbidden ? doesNotFit(EXISTING_ANTI_AFFINITY_UNMET) : fits;
  };
}

/** The values of the topology's label on nodes with at least one such pod. */
function domainsWith(topologyKey: string, nodes: readonly NodeInfo[], isWanted: (pod: PodInfo) => boolean): ReadonlySet<string> {
  const domains = new Set<string>();
  for (const node of nodes) {
    const value = labelsOf(node)[topologyKey];
    if (value !== undefined && !domains.has(value) && node.pods.some(isWanted)) domains.add(value);
  }
  return domains;
}

/** By topology key, the values that running pods keep to themselves. */
function domainsForbiddenTo(pod: Pod, nodes: readonly NodeInfo[], compile: Compile): ReadonlyMap<string, ReadonlySet<string>> {
  const forbidden = new Map<string, Set<string>>();
  for (const node of nodes) {
    for (const { pod: other } of node.pods) {
      for (const term of requiredTerms(other, 'podAntiAffinity')) {
        const value = labelsOf(node)[term.topologyKey];
        if (value === undefined || !compile(term, other).matches(pod)) continue;
        forbidden.set(term.topologyKey, (forbidden.get(term.topologyKey) ?? new Set()).add(value));
      }
    }
  }
  return forbidden;
}

/** Sums the weights per domain; undefined when no term on either side speaks of this pod. */
function createScorer(pod: Pod, nodes: readonly NodeInfo[], compile: Compile): Scorer | undefined {
  const sums = new Map<string, Map<string, number>>();
  const add = (node: NodeInfo, topologyKey: string, weight: number): void => {
    const value = labelsOf(node)[topologyKey];
    if (value === undefined) return;
    const domains = sums.get(topologyKey) ?? new Map<string, number>();
    sums.set(topologyKey, domains.set(value, (domains.get(value) ?? 0) + weight));
  };
  const own = weightedTerms(pod).map(({ term, weight }) => ({ term: compile(term, pod), weight }));
  for (const node of nodes) {
    for (const { pod: other } of node.pods) {
      for (const { term, weight } of own) if (term.matches(other)) add(node, term.topologyKey, weight);
      for (const { term, weight } of [...weightedTerms(other), ...hardTerms(other)]) {
        if (compile(term, other).matches(pod)) add(node, term.topologyKey, weight);
      }
    }
  }
  if (sums.size === 0) return undefined;
  return {
    score: (node) => [...sums].reduce((sum, [key, domains]) => sum + (domains.get(labelsOf(node)[key] ?? '') ?? 0), 0),
    normalise: spreadOut,
  };
}

/** The least becomes 0, the most the maximum: weights may be negative. */
function spreadOut(scores: readonly number[]): readonly number[] {
  const [min, max] = [Math.min(...scores), Math.max(...scores)];
  return scores.map((score) => (max === min ? 0 : Math.floor((SCORE_MAX * (score - min)) / (max - min))));
}

function requiredTerms({ spec }: Pod, kind: 'podAffinity' | 'podAntiAffinity'): readonly PodAffinityTerm[] {
  return spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

interface WeightedTerm {
  readonly term: PodAffinityTerm;
  readonly weight: number;
}

function weightedTerms({ spec }: Pod): readonly WeightedTerm[] {
  const of = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: 1 | -1) =>
    (terms ?? []).map(({ podAffinityTerm, weight }) => ({ term: podAffinityTerm, weight: weight * sign }));
  return [
    ...of(spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
    ...of(spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
  ];
}

function hardTerms(pod: Pod): readonly WeightedTerm[] {
  return requiredTerms(pod, 'podAffinity').map((term) => ({ term, weight: HARD_AFFINITY_WEIGHT }));
}
