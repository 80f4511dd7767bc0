/**
 * The objects that tokens are bound to, as they are now. The watch cache answers nearly always; the storage is asked when the cache lacks an object or has another
 * of the same name, because it may be a moment behind. Called for every request with a token, so what is learnt of a cached object is kept with it.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { parseTime } from '#api/meta/time.ts';
import { parseStored, parseStoredAs } from '../encoding/json-value.ts';
import type { Storage } from '../storage/storage.ts';
import type { CachedObject, WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';

export interface LiveObject {
  readonly uid: string;
  /** Undefined unless it is going away. */
  readonly deletedAtMs: number | undefined;
}

export interface LiveObjects {
  /** What is stored under this name; asks the storage unless the cache has the one with this uid. */
  find<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string, uid: string): Promise<LiveObject | undefined>;
  /** The object itself; with a uid, asks the storage when the cache has another of that name. */
  read<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string, uid?: string): Promise<T | undefined>;
}

export function createLiveObjects({ cache, storage }: { readonly cache: WatchCache; readonly storage: Storage }): LiveObjects {
  const known = new WeakMap<CachedObject, LiveObject>();

  function factsOf(object: CachedObject): LiveObject {
    const facts = known.get(object) ?? readFacts(object.bytes);
    known.set(object, facts);
    return facts;
  }

  return {
    find: async (type, namespace, name, uid) => {
      const key = storageKey(type, namespace, name);
      const cached = cache.find(key);
      if (cached !== undefined && factsOf(cached).uid === uid) return factsOf(cached);
      const stored = await storage.get(key);
      return stored === undefined ? undefined : readFacts(stored.bytes);
    },
    read: async (type, namespace, name, uid = '') => {
      const key = storageKey(type, namespace, name);
      const cached = cache.find(key);
      if (cached !== undefined && (uid === '' || factsOf(cached).uid === uid)) return parseStoredAs(type, cached.bytes);
      const stored = await storage.get(key);
      return stored === undefined ? undefined : parseStoredAs(type, stored.bytes);
    },
  };
}

function readFacts(bytes: Buffer): LiveObject {
  const { uid, deletionTimestamp } = parseStored(bytes).metadata;
  return { uid, deletedAtMs: deletionTimestamp === undefined ? undefined : parseTime(deletionTimestamp) };
}
