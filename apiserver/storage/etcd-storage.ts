/**
 * The storage on etcd. Every write is one transaction that compares the key's mod revision, every read is linearizable, and the watch is our own
 * (`etcd-watch.ts`). While etcd is away, calls fail with ApiError ServiceUnavailable after at most five seconds; when it is back they work again
 * without anybody's help. Upstream: k8s.io/apiserver, pkg/storage/etcd3/store.go.
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { createEtcdClient, OutOfRange } from './etcd-client.ts';
import type { ConditionalWrite, KeyValue } from './etcd-messages.ts';
import { findOldestRevision } from './etcd-oldest-revision.ts';
import { createEtcdWatch, type EtcdWatch } from './etcd-watch.ts';
import { encodeObject, withRevision } from './object-bytes.ts';
import { tooLargeResourceVersion } from './revision-errors.ts';
import { endOfPrefix } from './sorted-keys.ts';
import { type AlongsideWrite, type Storage, StorageError, type StoragePage, type StoredItem } from './storage.ts';

/** One message from etcd holds at most this many values; a longer page is put together from several at one revision. */
const RANGE_ITEMS_MAX = 1_000;
/** Never written: reading it costs nothing and tells the revision. */
const REVISION_KEY = '/registry/';

export interface EtcdStorageOptions {
  /** `https://etcd:2379` */
  readonly endpoints: readonly string[];
  /** PEM. Without them the connection is not encrypted, which is for tests. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

export interface EtcdStorage extends Storage {
  /** Lets etcd forget the states before `revision`; one that is compacted already is fine. */
  compact(revision: bigint): Promise<void>;
}

export function createEtcdStorage(options: EtcdStorageOptions): EtcdStorage {
  const client = createEtcdClient(options);
  const watches = new Set<EtcdWatch>();
  const closed = new AbortController();

  async function currentRevision(): Promise<bigint> {
    const { revision } = await client.range({ key: REVISION_KEY, keysOnly: true });
    for (const watch of watches) watch.want(revision);
    return revision;
  }

  async function list(
    prefix: string,
    { limit, after, revision: wanted }: { readonly limit: number; readonly after?: string; readonly revision?: bigint },
  ): Promise<StoragePage> {
    const items: StoredItem[] = [];
    let start = after === undefined ? prefix : keyBehind(after);
    let revision = wanted ?? 0n;
    for (;;) {
      const page = await client.range({
        key: start,
        rangeEnd: endOfPrefix(prefix),
        limit: Math.min(limit - items.length, RANGE_ITEMS_MAX),
        revision,
      });
      if (revision === 0n) revision = page.revision;
      items.push(...page.items.map(itemOf));
      const last = items.at(-1);
      // etcd counts all keys of the range, whatever the limit.
      const remaining = page.count - page.items.length;
      if (!page.hasMore || !last || items.length >= limit) return { items, revision, hasMore: page.hasMore, remaining };
      start = keyBehind(last.key);
    }
  }

  /** etcd says only "out of range", for what is gone as for what is to come. */
  async function explainRange(error: unknown, revision: bigint | undefined): Promise<never> {
    if (!(error instanceof OutOfRange)) throw error;
    const current = await currentRevision();
    if (revision !== undefined && revision > current) throw tooLargeResourceVersion(revision, current);
    throw new StorageError('compacted', error.message);
  }

  async function canRead(revision: bigint): Promise<boolean> {
    try {
      await client.range({ key: REVISION_KEY, keysOnly: true, revision });
      return true;
    } catch (error) {
      if (error instanceof OutOfRange) return false;
      throw error;
    }
  }

  /** Does the write if every key it names is where it is expected; otherwise throws what is the matter, with what is there. Gives the write's revision. */
  async function writeAt(write: ConditionalWrite, alongside: readonly ConditionalWrite[] = []): Promise<bigint> {
    const { key, expected } = write;
    const { succeeded, revision, found } = await client.write([write, ...alongside]);
    if (succeeded) return revision;
    if ((found?.modRevision ?? 0n) === expected) throw new StorageError('changed', `what was to be written alongside ${key} has changed`);
    if (!found) throw new StorageError('absent', `${key} does not exist`);
    if (expected === 0n) throw new StorageError('exists', `${key} exists`, itemOf(found));
    throw new StorageError('changed', `${key} is at ${found.modRevision}, not ${expected}`, itemOf(found));
  }

  async function put(key: string, expected: bigint, object: object, alongside: readonly AlongsideWrite[] = []): Promise<StoredItem> {
    const value = encodeObject(object);
    const others = alongside.map((other) => ({ key: other.key, expected: other.expected, value: encodeObject(other.object) }));
    const revision = await writeAt({ key, expected, value }, others);
    return { key, bytes: withRevision(value, revision), revision };
  }

  return {
    currentRevision,
    oldestRevision: async (notBefore) => findOldestRevision(notBefore, await currentRevision(), canRead),
    get: async (key) => {
      const [found] = (await client.range({ key })).items;
      return found && itemOf(found);
    },
    list: (prefix, page) => list(prefix, page).catch((error: unknown) => explainRange(error, page.revision)),
    create: (key, object, alongside) => put(key, 0n, object, alongside),
    update: put,
    delete: (key, expected) => writeAt({ key, expected, value: undefined }),
    watch: async function* (prefix, fromRevision, signal, onProgress) {
      const { log, clock, random } = options;
      const ended = AbortSignal.any([signal, closed.signal]);
      const watch = createEtcdWatch({ connect: client.openWatch, prefix, fromRevision, signal: ended, onProgress, log, clock, random });
      watches.add(watch);
      try {
        yield* watch.changes;
      } finally {
        watches.delete(watch);
      }
    },
    compact: (revision) =>
      client.compact(revision).catch((error: unknown) => {
        if (!(error instanceof OutOfRange)) throw error;
      }),
    close: async () => {
      closed.abort();
      client.close();
    },
  };
}

/** The least key greater than `key`. */
function keyBehind(key: string): string {
  return `${key}\0`;
}

function itemOf({ key, value, modRevision }: KeyValue): StoredItem {
  return { key, bytes: withRevision(value, modRevision), revision: modRevision };
}
