/** An informer that a test fills by hand: it has no server, keeps objects by key, and tells its handlers at once. */
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Change, Informer } from '#client/informer.ts';
import { aborted } from '#component/shutdown.ts';

export interface FakeInformer<T extends ApiObject> extends Informer<T> {
  /** The first list is complete. */
  sync(): void;
  put(object: T): void;
  remove(object: T): void;
}

export function createFakeInformer<T extends ApiObject>(type: ResourceType<T>): FakeInformer<T> {
  const objects = new Map<string, T>();
  const handlers = new Set<(change: Change<T>) => void>();
  const synced = Promise.withResolvers<void>();
  let isSynced = false;
  const tell = (change: Change<T>) => {
    for (const handler of handlers) handler(change);
  };
  return {
    type,
    store: {
      find: (key) => objects.get(formatKey(key)),
      list: (namespace) => [...objects.values()].filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
      listByIndex: () => [],
    },
    syncedRevision: () => (isSynced ? 1n : 0n),
    hasSynced: () => isSynced,
    whenSynced: () => synced.promise,
    onChange: (handler) => {
      handlers.add(handler);
      for (const object of objects.values()) handler({ type: 'added', object });
      return () => handlers.delete(handler);
    },
    onAdvance: () => () => {},
    run: aborted,
    sync: () => {
      isSynced = true;
      synced.resolve();
    },
    put: (object) => {
      const key = formatKey(keyOf(object));
      const previous = objects.get(key);
      objects.set(key, object);
      tell(previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous });
    },
    remove: (object) => {
      objects.delete(formatKey(keyOf(object)));
      tell({ type: 'deleted', object });
    },
  };
}
