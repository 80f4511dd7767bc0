/**
 * The watch cache's objects by key, and each resource's objects in key order, so that listing a namespace of a resource costs a binary search
 * and a copy however many other objects there are. One array per resource keeps insertions cheap: what moves is that resource's pointers.
 */
import { lowerBound, withPrefix } from './sorted-keys.ts';
import type { CachedObject } from './watch-cache.ts';

export interface ObjectIndex {
  find(key: string): CachedObject | undefined;
  /** Adds or replaces; gives what was there before. */
  set(object: CachedObject): CachedObject | undefined;
  /** Gives what was there. */
  delete(key: string): CachedObject | undefined;
  /** Objects whose key starts with `prefix`, in key order; a copy that later changes leave alone. */
  list(prefix: string): readonly CachedObject[];
  size(): number;
}

const NOTHING: readonly CachedObject[] = [];

const keyOf = (object: CachedObject) => object.key;

export function createObjectIndex(): ObjectIndex {
  const byKey = new Map<string, CachedObject>();
  const byResource = new Map<string, CachedObject[]>();

  return {
    find: (key) => byKey.get(key),
    size: () => byKey.size,
    set: (object) => {
      const previous = byKey.get(object.key);
      byKey.set(object.key, object);
      const sorted = byResource.getOrInsertComputed(resourceOf(object.key), () => []);
      sorted.splice(lowerBound(sorted, object.key, keyOf), previous ? 1 : 0, object);
      return previous;
    },
    delete: (key) => {
      const previous = byKey.get(key);
      if (!previous) return undefined;
      byKey.delete(key);
      const sorted = byResource.get(resourceOf(key)) ?? [];
      sorted.splice(lowerBound(sorted, key, keyOf), 1);
      return previous;
    },
    list: (prefix) => {
      const resource = resourceOf(prefix);
      const own = byResource.get(resource);
      if (own) return withPrefix(own, prefix, keyOf);
      if (isWhole(resource)) return NOTHING;
      // A prefix above the resources. No resource's prefix starts another's, so whole arrays in order of their prefixes are in key order.
      const resources = [...byResource.keys()].filter((one) => one.startsWith(prefix)).sort();
      return resources.flatMap((one) => byResource.get(one) ?? []);
    },
  };
}

/** `/registry/apps/deployments/` of `/registry/apps/deployments/default/web`; the whole text when it is shorter than that. */
function resourceOf(key: string): string {
  let slash = 0;
  for (let count = 0; count < 3 && slash >= 0; count++) slash = key.indexOf('/', slash + 1);
  return slash < 0 ? key : key.slice(0, slash + 1);
}

/** Names a resource, rather than what several have in common. */
function isWhole(resource: string): boolean {
  return resource.endsWith('/') && resource.split('/', 5).length === 5;
}
