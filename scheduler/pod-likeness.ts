/**
 * Which pods are of a kind, so that they had better not all be in one place: those of the same controller, or, without one, those that the
 * same Services select. It is what the default spreading counts by. Upstream compares by the selectors of ReplicaSets, StatefulSets and
 * ReplicationControllers; the owner says the same, for any workload, and without a copy of all of them.
 */
import type { Pod, Service } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher } from '#api/meta/label-selector.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import type { PodShape } from './pod-shape.ts';

export type ShapeMatcher = (other: Pick<PodShape, 'labels' | 'ownerUid'>) => boolean;

/** `services` are those of the pod's namespace. Undefined when the pod is on its own. */
export function findLikePods(pod: Pod, services: readonly Service[]): ShapeMatcher | undefined {
  const owner = controllerOf(pod)?.uid;
  if (owner !== undefined) return ({ ownerUid }) => ownerUid === owner;
  const matchers = services.map(serviceMatcher).filter((matches) => matches(pod.metadata.labels));
  return matchers.length === 0 ? undefined : ({ labels }) => matchers.every((matches) => matches(labels));
}

/** A Service without a selector selects nothing. */
function serviceMatcher({ spec }: Service): LabelMatcher {
  const selector = spec.selector ?? {};
  return Object.keys(selector).length === 0 ? () => false : compileLabelSelector({ matchLabels: selector });
}
