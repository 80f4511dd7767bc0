/**
 * What other pods see of a pod: namespace, labels, owner, whether it is on its way out, and whom it wants near. Pods made from one template
 * have one shape, so that who counts pods by selectors asks a few shapes rather than thousands of pods.
 */
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher, type Labels } from '#api/meta/label-selector.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';

export interface PodShape {
  /** Equal for equal shapes. */
  readonly key: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** The uid of the controller; empty without one. */
  readonly ownerUid: string;
  /** Pods that are ending no longer count for spreading: they are about to make room. */
  readonly isTerminating: boolean;
  readonly hasAffinity: boolean;
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferred: readonly WeightedTerm[];
}

/** Gives a namespace's labels, for `namespaceSelector`. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

/** What a term asks of the other pod. */
export type TermTarget = Pick<PodShape, 'namespace' | 'labels'>;

export interface AffinityTerm {
  readonly topologyKey: string;
  matches(other: TermTarget, namespaceLabels: NamespaceLabels): boolean;
}

export interface WeightedTerm {
  readonly term: AffinityTerm;
  /** Below zero for anti-affinity. */
  readonly weight: number;
}

const none: readonly never[] = [];

export function podShapeOf(pod: Pod): PodShape {
  const { metadata, spec } = pod;
  const { namespace = '', labels = {} } = metadata;
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const ownerUid = controllerOf(pod)?.uid ?? '';
  const isTerminating = metadata.deletionTimestamp !== undefined;
  const hasAffinity = podAffinity !== undefined || podAntiAffinity !== undefined;
  const affinityKey = hasAffinity ? [podAffinity, podAntiAffinity] : 0;
  const key = JSON.stringify([namespace, ownerUid, isTerminating, sortedEntries(labels), affinityKey]);
  const common = { key, namespace, labels, ownerUid, isTerminating, hasAffinity };
  if (!hasAffinity) return { ...common, requiredAffinity: none, requiredAntiAffinity: none, preferred: none };
  const compile = (term: PodAffinityTerm) => compileAffinityTerm(term, { namespace, labels });
  const weighted = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: 1 | -1): readonly WeightedTerm[] =>
    (terms ?? none).map(({ podAffinityTerm, weight }) => ({ term: compile(podAffinityTerm), weight: weight * sign }));
  return {
    ...common,
    requiredAffinity: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? none).map(compile),
    requiredAntiAffinity: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? none).map(compile),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
  };
}

function sortedEntries(labels: Labels): readonly (readonly [string, string])[] {
  return Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Without a namespace or a namespace selector a term speaks of its owner's namespace. */
function compileAffinityTerm(term: PodAffinityTerm, owner: TermTarget): AffinityTerm {
  const { namespaces = [], namespaceSelector, labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const matchesLabels: LabelMatcher = labelSelector === undefined ? () => false : compileLabelSelector(labelSelector);
  const matchesNamespace = namespaceSelector === undefined ? undefined : compileLabelSelector(namespaceSelector);
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.namespace] : namespaces;
  const own = owner.labels;
  const isSame = (key: string, labels: Labels): boolean => own[key] === undefined || own[key] === labels[key];
  const differs = (key: string, labels: Labels): boolean => own[key] === undefined || own[key] !== labels[key];
  return {
    topologyKey: term.topologyKey,
    matches: ({ namespace, labels }, namespaceLabels) =>
      (named.includes(namespace) || (matchesNamespace?.(namespaceLabels(namespace)) ?? false)) &&
      matchesLabels(labels) &&
      matchLabelKeys.every((key) => isSame(key, labels)) &&
      mismatchLabelKeys.every((key) => differs(key, labels)),
  };
}
