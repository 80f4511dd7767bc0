/** From a Service to the pods it selects and back; both endpoint controllers read the caches this way. */
import type { Pod, Service } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { SharedCaches } from '../shared-caches.ts';

export function selectedPods(caches: SharedCaches, service: Service): readonly Pod[] {
  const { selector } = service.spec;
  if (selector === undefined) return [];
  return caches.pods.store.list(service.metadata.namespace).filter((pod) => isSelected(selector, pod));
}

/** The Services that a change of this pod may concern. */
export function servicesSelecting(caches: SharedCaches, pod: Pod): readonly ObjectKey[] {
  return caches.services.store
    .list(pod.metadata.namespace)
    .filter(({ spec }) => spec.selector !== undefined && isSelected(spec.selector, pod))
    .map(keyOf);
}

/** An empty selector selects nothing here, unlike in a LabelSelector. */
function isSelected(selector: Readonly<Record<string, string>>, { metadata }: Pod): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([name, value]) => metadata.labels?.[name] === value);
}
