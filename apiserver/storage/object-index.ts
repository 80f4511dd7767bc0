/**
 * The watch cache's objects by key, and each resource's objects in key order, so that listing a namespace of a resource costs a binary search
 * and a copy however many other objects there are. One array per resource keeps insertions cheap: what moves is that resource's pointers.
 */
import { endOfPrefix, lowerBound, withPrefix } from './sorted-keys.ts';
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
  /** How many objects there are with this prefix, which is that of a resource or longer, and about how many bytes; without looking at each. */
  extent(prefix: string): Extent;
}

export interface Extent {
  readonly objects: number;
  readonly bytes: number;
}

const NOTHING: readonly CachedObject[] = [];

const keyOf = (object: CachedObject) => object.key;

export function createObjectIndex(): ObjectIndex {
  const byKey = new Map<string, CachedObject>();
  const byResource = new Map<string, CachedObject[]>();
  const bytesByResource = new Map<string, number>();

  function addBytes(resource: string, bytes: number): void {
    bytesByResource.set(resource, (bytesByResource.get(resource) ?? 0) + bytes);
  }

  return {
    find: (key) => byKey.get(key),
    size: () => byKey.size,
    set: (object) => {
      const previous = byKey.get(object.key);
      byKey.set(object.key, object);
      const resource = resourceOf(object.key);
      addBytes(resource, object.bytes.length - (previous?.bytes.length ?? 0));
      const sorted = byResource.getOrInsertComputed(resource, () => []);
      sorted.splice(lowerBound(sorted, object.key, keyOf), previous ? 1 : 0, object);
      return previous;
    },
    delete: (key) => {
      const previous = byKey.get(key);
      if (!previous) return undefined;
      byKey.delete(key);
      const resource = resourceOf(key);
      addBytes(resource, -previous.bytes.length);
      const sorted = byResource.get(resource) ?? [];
      sorted.splice(lowerBound(sorted, key, keyOf), 1);
      return previous;
    },
    extent: (prefix) => {
      const resource = resourceOf(prefix);
      const own = byResource.get(resource) ?? [];
      const objects = lowerBound(own, endOfPrefix(prefix), keyOf) - lowerBound(own, prefix, keyOf);
      return { objects, bytes: own.length === 0 ? 0 : ((bytesByResource.get(resource) ?? 0) * objects) / own.length };
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
