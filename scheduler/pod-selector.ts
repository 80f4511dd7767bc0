/**
 * What groups a pod with its like: the selectors of the Services that select it and of the workload that controls it, all together. It is
 * what the default spreading counts by.
 */
import type { Pod, ReplicaSet, ReplicationController, Service, StatefulSet } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher } from '#api/meta/label-selector.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import type { ObjectStore } from '#client/informer.ts';

export interface PodSelectorStores {
  readonly services: ObjectStore<Service>;
  readonly replicaSets: ObjectStore<ReplicaSet>;
  readonly replicationControllers: ObjectStore<ReplicationController>;
  readonly statefulSets: ObjectStore<StatefulSet>;
}

/** Undefined when nothing selects the pod. */
export function findPodSelector(pod: Pod, stores: PodSelectorStores): LabelMatcher | undefined {
  const matchers = [...serviceMatchers(pod, stores.services), ...workloadMatchers(pod, stores)];
  return matchers.length === 0 ? undefined : (labels) => matchers.every((matches) => matches(labels));
}

function serviceMatchers(pod: Pod, services: ObjectStore<Service>): readonly LabelMatcher[] {
  return services
    .list(pod.metadata.namespace)
    .map(({ spec }) => spec.selector ?? {})
    .filter((selector) => Object.keys(selector).length > 0)
    .map((selector) => compileLabelSelector({ matchLabels: selector }))
    .filter((matches) => matches(pod.metadata.labels));
}

function workloadMatchers(pod: Pod, stores: PodSelectorStores): readonly LabelMatcher[] {
  const owner = controllerOf(pod);
  if (owner === undefined) return [];
  const key = { namespace: pod.metadata.namespace ?? '', name: owner.name };
  switch (owner.kind) {
    case 'ReplicaSet': {
      const found = stores.replicaSets.find(key);
      return found === undefined ? [] : [compileLabelSelector(found.spec.selector)];
    }
    case 'StatefulSet': {
      const found = stores.statefulSets.find(key);
      return found === undefined ? [] : [compileLabelSelector(found.spec.selector)];
    }
    case 'ReplicationController': {
      const selector = stores.replicationControllers.find(key)?.spec?.selector;
      return selector === undefined ? [] : [compileLabelSelector({ matchLabels: selector })];
    }
    default:
      return [];
  }
}
