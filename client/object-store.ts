/**
 * The objects an informer knows, by key and by index. Only its informer writes it; everybody else sees the read-only `ObjectStore`. A write
 * tells what changed, so that the informer can tell its handlers.
 */
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Change, ObjectStore } from './informer.ts';

export type IndexFunctions<T extends ApiObject> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface WritableObjectStore<T extends ApiObject> extends ObjectStore<T> {
  /** Puts the object in; no change when it is held at this version or a later one. */
  put(object: T): readonly Change<T>[];
  /** Takes the object out; no change when it is not held. */
  remove(object: T): readonly Change<T>[];
  /** Makes the store hold exactly these. */
  replace(objects: readonly T[]): readonly Change<T>[];
}

export function createObjectStore<T extends ApiObject>(indexFunctions: IndexFunctions<T> = {}): WritableObjectStore<T> {
  const objects = new Map<string, T>();
  const namespaces = createIndex<T>((object) => [object.metadata.namespace ?? '']);
  const indexes = new Map(Object.entries(indexFunctions).map(([name, valuesOf]) => [name, createIndex(valuesOf)]));
  const allIndexes = [namespaces, ...indexes.values()];

  const set = (object: T): void => {
    const key = formatKey(keyOf(object));
    const previous = objects.get(key);
    objects.set(key, object);
    for (const index of allIndexes) {
      if (previous !== undefined) index.remove(key, previous);
      index.add(key, object);
    }
  };
  const unset = (key: string, object: T): void => {
    objects.delete(key);
    for (const index of allIndexes) index.remove(key, object);
  };
  const put = (object: T): readonly Change<T>[] => {
    const previous = objects.get(formatKey(keyOf(object)));
    if (previous !== undefined && !isNewer(object, previous)) return [];
    set(object);
    return changesBetween(previous, object);
  };
  const remove = (object: T): readonly Change<T>[] => {
    const key = formatKey(keyOf(object));
    const held = objects.get(key);
    if (held === undefined) return [];
    unset(key, held);
    return [{ type: 'deleted', object: held.metadata.uid === object.metadata.uid ? object : held }];
  };

  return {
    put,
    remove,
    replace: (wanted) => {
      const keys = new Set(wanted.map((object) => formatKey(keyOf(object))));
      const gone = [...objects].filter(([key]) => !keys.has(key));
      const deleted = gone.flatMap(([, object]) => remove(object));
      return [...deleted, ...wanted.flatMap(put)];
    },
    find: (key: ObjectKey) => objects.get(formatKey(key)),
    list: (namespace) => (namespace === undefined ? [...objects.values()] : namespaces.list(namespace)),
    listByIndex: (name, value) => {
      const index = indexes.get(name);
      if (index === undefined) throw new Error(`there is no index ${name}`);
      return index.list(value);
    },
  };
}

/** Resource versions are revisions of one history, so they compare as numbers. */
export function revisionOf(object: ApiObject): bigint {
  return BigInt(object.metadata.resourceVersion);
}

function isNewer(object: ApiObject, held: ApiObject): boolean {
  return revisionOf(object) > revisionOf(held);
}

/** Another uid under the same name is another object: nobody should take the one for an update of the other. */
function changesBetween<T extends ApiObject>(previous: T | undefined, object: T): readonly Change<T>[] {
  if (previous === undefined) return [{ type: 'added', object }];
  if (previous.metadata.uid === object.metadata.uid) return [{ type: 'updated', object, previous }];
  return [
    { type: 'deleted', object: previous },
    { type: 'added', object },
  ];
}

interface Index<T> {
  add(key: string, object: T): void;
  remove(key: string, object: T): void;
  list(value: string): readonly T[];
}

function createIndex<T>(valuesOf: (object: T) => readonly string[]): Index<T> {
  const byValue = new Map<string, Map<string, T>>();
  return {
    add: (key, object) => {
      for (const value of valuesOf(object)) {
        const held = byValue.get(value) ?? new Map<string, T>();
        byValue.set(value, held.set(key, object));
      }
    },
    remove: (key, object) => {
      for (const value of valuesOf(object)) {
        const held = byValue.get(value);
        held?.delete(key);
        if (held?.size === 0) byValue.delete(value);
      }
    },
    list: (value) => [...(byValue.get(value)?.values() ?? [])],
  };
}
