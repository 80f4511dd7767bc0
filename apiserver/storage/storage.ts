/**
 * What the API server needs of a database: keys, values that are JSON objects, one revision counter for all of them, and a watch that
 * loses nothing. `etcd-storage.ts` is the real one, `memory-storage.ts` its twin for tests; both pass `storage-contract.ts`.
 *
 * Keys are `/registry/<group>/<plural>/<namespace>/<name>` (the core group is `core`; cluster-wide objects have no namespace part).
 * Stored values carry no resourceVersion; what comes out carries it, spliced into the bytes: a value's revision is the one of the write
 * that made it. Upstream: k8s.io/apiserver, pkg/storage/etcd3/store.go.
 */

/** An object as it goes to clients: final JSON bytes, `metadata.resourceVersion` included. */
export interface StoredItem {
  readonly key: string;
  readonly bytes: Buffer;
  readonly revision: bigint;
}

/** One change, in the order of revisions. `item` of a deletion is the last state, with the deletion's revision. */
export interface StorageEvent {
  readonly type: 'put' | 'delete';
  readonly item: StoredItem;
}

export interface StoragePage {
  readonly items: readonly StoredItem[];
  /** The revision that the whole page (and every page continued from it) reflects. */
  readonly revision: bigint;
  readonly hasMore: boolean;
}

/** Why a write or read was refused; everything else is thrown as it comes and means the database is unavailable. */
export class StorageError extends Error {
  readonly reason: 'exists' | 'absent' | 'changed' | 'compacted';
  /** With `changed`: what is there now. */
  readonly current: StoredItem | undefined;

  constructor(reason: StorageError['reason'], message: string, current?: StoredItem) {
    super(message);
    this.name = 'StorageError';
    this.reason = reason;
    this.current = current;
  }
}

export interface Storage {
  /** Linearizable. */
  get(key: string): Promise<StoredItem | undefined>;
  /** Keys with this prefix in byte order. `revision` reads a past state (`compacted` when it is gone); `after` continues behind a key. */
  list(prefix: string, options: { readonly limit: number; readonly after?: string; readonly revision?: bigint }): Promise<StoragePage>;
  /** Throws `exists`. */
  create(key: string, object: object): Promise<StoredItem>;
  /** Replaces the value if its revision is still `expected`; throws `changed` with the current item, or `absent`. */
  update(key: string, expected: bigint, object: object): Promise<StoredItem>;
  /** Removes the key if its revision is still `expected`; throws `changed` or `absent`. Gives the deletion's revision. */
  delete(key: string, expected: bigint): Promise<bigint>;
  /** The newest committed revision, linearizable: a cache that has reached it has seen every write acknowledged before the call. */
  currentRevision(): Promise<bigint>;
  /** The oldest revision, but none before `notBefore`, that `list` can read and behind which `watch` misses nothing. */
  oldestRevision(notBefore: bigint): Promise<bigint>;
  /**
   * Every change of keys with this prefix from `fromRevision` on, each exactly once and in order, over however many connections it takes.
   * Yields all changes of one revision together. Throws `compacted` when the database no longer has that revision. `onProgress` hears
   * of revisions up to which everything was delivered, also when nothing changed.
   */
  watch(
    prefix: string,
    fromRevision: bigint,
    signal: AbortSignal,
    onProgress: (revision: bigint) => void,
  ): AsyncIterable<readonly StorageEvent[]>;
  close(): Promise<void>;
}
