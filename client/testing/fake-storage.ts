/**
 * What the fake server remembers: objects, one revision counter, the history of changes, and who watches. Objects are deep-frozen, so a
 * component that writes into its cache fails its test. No verbs here; `fake-client.ts` has them.
 */
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceDescription } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';

export interface StoredChange {
  readonly revision: bigint;
  readonly resource: string;
  readonly previous: ApiObject | undefined;
  /** Undefined for a deletion. */
  readonly object: ApiObject | undefined;
}

/** A change, a bookmark, or the end: with an error, or without when the server closes the stream. */
export type FeedItem =
  | { readonly type: 'change'; readonly change: StoredChange }
  | { readonly type: 'bookmark'; readonly revision: bigint }
  | { readonly type: 'end'; readonly error: Error | undefined };

export interface FakeStorage {
  revision(): bigint;
  find(type: ResourceDescription, key: ObjectKey): ApiObject | undefined;
  list(type: ResourceDescription): readonly ApiObject[];
  /** Stores the object under a new revision, which the stored object carries. */
  put(type: ResourceDescription, object: ApiObject): ApiObject;
  /** Gives the last state, under the revision of its deletion. */
  remove(type: ResourceDescription, key: ObjectKey): ApiObject;
  /** What happened after the revision, and from then on; throws `Expired` when that is forgotten. */
  follow(after: bigint): Feed;
  bookmark(): void;
  endFeeds(error?: Error): void;
  compact(): void;
  forgetEverything(): void;
}

export interface Feed {
  next(signal: AbortSignal): Promise<FeedItem>;
  close(): void;
}

export function createFakeStorage(): FakeStorage {
  const objects = new Map<string, Map<string, ApiObject>>();
  const feeds = new Set<(item: FeedItem) => void>();
  let history: StoredChange[] = [];
  let revision = 1n;
  let compactedTo = 0n;

  const tableOf = (type: ResourceDescription): Map<string, ApiObject> => {
    const table = objects.get(resourceId(type)) ?? new Map<string, ApiObject>();
    objects.set(resourceId(type), table);
    return table;
  };
  const publish = (change: StoredChange): void => {
    history.push(change);
    for (const feed of feeds) feed({ type: 'change', change });
  };
  const versioned = (object: ApiObject): ApiObject => {
    revision += 1n;
    return freeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
  };

  return {
    revision: () => revision,
    find: (type, key) => tableOf(type).get(formatKey(key)),
    list: (type) => [...tableOf(type).values()],
    put: (type, object) => {
      const key = formatKey(keyOf(object));
      const previous = tableOf(type).get(key);
      const stored = versioned(object);
      tableOf(type).set(key, stored);
      publish({ revision, resource: resourceId(type), previous, object: stored });
      return stored;
    },
    remove: (type, key) => {
      const previous = tableOf(type).get(formatKey(key));
      if (previous === undefined) throw new Error(`${formatKey(key)} is not stored`);
      tableOf(type).delete(formatKey(key));
      const last = versioned(previous);
      publish({ revision, resource: resourceId(type), previous: last, object: undefined });
      return last;
    },
    follow: (after) => {
      if (after < compactedTo) throw new ApiError('Expired', `too old resource version: ${after} (${compactedTo})`);
      const missed = history.filter((change) => change.revision > after);
      return createFeed(feeds, missed);
    },
    bookmark: () => {
      for (const feed of feeds) feed({ type: 'bookmark', revision });
    },
    endFeeds: (error) => {
      for (const feed of feeds) feed({ type: 'end', error });
    },
    compact: () => {
      compactedTo = revision;
      history = [];
    },
    forgetEverything: () => {
      objects.clear();
      history = [];
      revision = 1n;
      for (const feed of feeds) feed({ type: 'end', error: new ApiError('Expired', 'too old resource version') });
    },
  };
}

export function resourceId({ group, plural }: ResourceDescription): string {
  return `${plural}.${group}`;
}

function createFeed(feeds: Set<(item: FeedItem) => void>, missed: readonly StoredChange[]): Feed {
  const items: FeedItem[] = missed.map((change) => ({ type: 'change', change }));
  let wake = Promise.withResolvers<void>();
  const receive = (item: FeedItem): void => {
    items.push(item);
    wake.resolve();
  };
  feeds.add(receive);
  return {
    next: async (signal) => {
      const onAbort = () => wake.resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      for (;;) {
        signal.throwIfAborted();
        const item = items.shift();
        if (item !== undefined) {
          signal.removeEventListener('abort', onAbort);
          return item;
        }
        await wake.promise;
        wake = Promise.withResolvers();
      }
    },
    close: () => {
      feeds.delete(receive);
    },
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}
