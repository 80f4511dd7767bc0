/** A watch on the fake server: history from the asked revision, then changes as they come, seen through the watcher's selection. */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { decodeObject } from '../object-decoder.ts';
import type { WatchEvent, WatchOptions } from '../resource-client.ts';
import { compileSelection } from './fake-selection.ts';
import { type FakeStorage, resourceId, type StoredChange } from './fake-storage.ts';

export async function* watchFakeStorage<T extends ApiObject>(
  type: ResourceType<T>,
  storage: FakeStorage,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const isSelected = compileSelection(options);
  const isFromStart = options.resourceVersion === '' || options.resourceVersion === '0';
  const feed = storage.follow(isFromStart ? storage.revision() : BigInt(options.resourceVersion));
  try {
    const present = isFromStart ? storage.list(type).filter(isSelected) : [];
    for (const object of present) yield { type: 'ADDED', object: decodeObject(type, object) };
    for (;;) {
      const item = await feed.next(signal);
      if (item.type === 'end' && item.error !== undefined) throw item.error;
      if (item.type === 'end') return;
      if (item.type === 'bookmark') yield { type: 'BOOKMARK', resourceVersion: String(item.revision) };
      else if (item.change.resource === resourceId(type)) yield* eventsOf(type, item.change, isSelected);
    }
  } finally {
    feed.close();
  }
}

/** An object that comes to match is added to the watcher's world, one that no longer does is deleted from it. */
function eventsOf<T extends ApiObject>(
  type: ResourceType<T>,
  { previous, object, revision }: StoredChange,
  isSelected: (object: ApiObject) => boolean,
): readonly WatchEvent<T>[] {
  const was = previous !== undefined && isSelected(previous);
  const is = object !== undefined && isSelected(object);
  if (is) return [{ type: was ? 'MODIFIED' : 'ADDED', object: decodeObject(type, object) }];
  if (!was) return [];
  const last = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } };
  return [{ type: 'DELETED', object: decodeObject(type, last) }];
}
