/**
 * The storage on etcd. Every write is one transaction that compares the key's mod revision, every read is linearizable, and the watch is our own
 * (`etcd-watch.ts`). While etcd is away, calls fail with ApiError ServiceUnavailable after at most five seconds; when it is back they work again
 * without anybody's help. Upstream: k8s.io/apiserver, pkg/storage/etcd3/store.go.
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { createEtcdClient, type IKeyValue, type ITxnRequest, OutOfRange } from './etcd-client.ts';
import { findOldestRevision } from './etcd-oldest-revision.ts';
import { createEtcdWatch, type EtcdWatch } from './etcd-watch.ts';
import { encodeObject, withRevision } from './object-bytes.ts';
import { tooLargeResourceVersion } from './revision-errors.ts';
import { endOfPrefix } from './sorted-keys.ts';
import { type AlongsideWrite, type Storage, StorageError, type StoragePage, type StoredItem } from './storage.ts';

/** One message from etcd holds at most this many values; a longer page is put together from several at one revision. */
const RANGE_ITEMS_MAX = 1_000;
/** Never written: reading it costs nothing and tells the revision. */
const REVISION_KEY = Buffer.from('/registry/');

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
    const { header } = await client.range({ key: REVISION_KEY, keys_only: true });
    const revision = BigInt(header.revision);
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
        key: Buffer.from(start),
        range_end: Buffer.from(endOfPrefix(prefix)),
        limit: Math.min(limit - items.length, RANGE_ITEMS_MAX),
        revision: String(revision),
      });
      if (revision === 0n) revision = BigInt(page.header.revision);
      items.push(...page.kvs.map(itemOf));
      const last = items.at(-1);
      // etcd counts all keys of the range, whatever the limit.
      const remaining = Number(page.count) - page.kvs.length;
      if (!page.more || !last || items.length >= limit) return { items, revision, hasMore: page.more, remaining };
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
      await client.range({ key: REVISION_KEY, keys_only: true, revision: String(revision) });
      return true;
    } catch (error) {
      if (error instanceof OutOfRange) return false;
      throw error;
    }
  }

  /** Does `write`, and what goes alongside, if every key is where it is expected; otherwise throws what is the matter. Gives the write's revision. */
  async function writeAt(key: string, expected: bigint, write: Operation, alongside: readonly AlongsideWrite[] = []): Promise<bigint> {
    const response = await client.txn({
      compare: [isAt(key, expected), ...alongside.map((other) => isAt(other.key, other.expected))],
      success: [write, ...alongside.map((other) => putOf(other.key, encodeObject(other.object)))],
      failure: [{ request_range: { key: Buffer.from(key) } }],
    });
    if (response.succeeded) return BigInt(response.header.revision);
    const [found] = response.responses[0]?.response_range.kvs ?? [];
    const isAsExpected = (found === undefined ? 0n : BigInt(found.mod_revision)) === expected;
    if (isAsExpected) throw new StorageError('changed', `what was to be written alongside ${key} has changed`);
    if (!found) throw new StorageError('absent', `${key} does not exist`);
    if (expected === 0n) throw new StorageError('exists', `${key} exists`, itemOf(found));
    throw new StorageError('changed', `${key} is at ${found.mod_revision}, not ${expected}`, itemOf(found));
  }

  async function put(key: string, expected: bigint, object: object, alongside?: readonly AlongsideWrite[]): Promise<StoredItem> {
    const value = encodeObject(object);
    const revision = await writeAt(key, expected, putOf(key, value), alongside);
    return { key, bytes: withRevision(value, revision), revision };
  }

  return {
    currentRevision,
    oldestRevision: async (notBefore) => findOldestRevision(notBefore, await currentRevision(), canRead),
    get: async (key) => {
      const { kvs } = await client.range({ key: Buffer.from(key) });
      return kvs[0] && itemOf(kvs[0]);
    },
    list: (prefix, page) => list(prefix, page).catch((error: unknown) => explainRange(error, page.revision)),
    create: (key, object, alongside) => put(key, 0n, object, alongside),
    update: put,
    delete: (key, expected) => writeAt(key, expected, { request_delete_range: { key: Buffer.from(key) } }),
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
      client.compact({ revision: String(revision), physical: false }).catch((error: unknown) => {
        if (!(error instanceof OutOfRange)) throw error;
      }),
    close: async () => {
      closed.abort();
      client.close();
    },
  };
}

type Operation = NonNullable<ITxnRequest['success']>[number];

function putOf(key: string, value: Buffer): Operation {
  return { request_put: { key: Buffer.from(key), value } };
}

function isAt(key: string, revision: bigint): NonNullable<ITxnRequest['compare']>[number] {
  return { target: 'Mod', result: 'Equal', key: Buffer.from(key), mod_revision: String(revision) };
}

/** The least key greater than `key`. */
function keyBehind(key: string): string {
  return `${key}\0`;
}

function itemOf({ key, value, mod_revision }: IKeyValue): StoredItem {
  const revision = BigInt(mod_revision);
  return { key: String(key), bytes: withRevision(value, revision), revision };
}
