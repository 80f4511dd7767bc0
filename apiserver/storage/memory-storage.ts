/**
 * The database in memory, for tests and for a cluster within one process. It behaves as etcd does where the API server can tell: one revision
 * counter starting at 1, history until it is compacted, watches from any revision that is left. Passes `storage-contract.ts`.
 */
import { encodeObject, withRevision } from './object-bytes.ts';
import { tooLargeResourceVersion } from './revision-errors.ts';
import { lowerBound, withPrefix } from './sorted-keys.ts';
import { type Storage, StorageError, type StorageEvent, type StoragePage, type StoredItem } from './storage.ts';

/** History kept without anybody calling `compact`: long enough for any test, bounded for a cluster that runs for days. */
const HISTORY_REVISIONS_MAX = 50_000;
/** As in a fresh etcd. */
const FIRST_REVISION = 1n;

export interface MemoryStorage extends Storage {
  /** Forgets the past: reads below `revision` and watches from below it fail with `compacted`, as in etcd. */
  compact(revision: bigint): void;
}

/** One write. Without bytes it is a deletion. */
interface Version {
  readonly key: string;
  readonly revision: bigint;
  readonly bytes: Buffer | undefined;
  /** What the key held before, for the event of a deletion. */
  readonly previous: Buffer | undefined;
}

const itself = (key: string) => key;

export function createMemoryStorage(): MemoryStorage {
  return new InMemory();
}

class InMemory implements MemoryStorage {
  #revision = FIRST_REVISION;
  #compacted = 0n;
  /** All writes above the compacted revision, oldest first: the history that watches read. Every revision has exactly one write. */
  #history: Version[] = [];
  /** Each key's versions that can still be read, oldest first. */
  readonly #versions = new Map<string, Version[]>();
  readonly #keys: string[] = [];
  readonly #wakers = new Set<() => void>();

  async get(key: string): Promise<StoredItem | undefined> {
    return this.#read(key, this.#revision);
  }

  async list(
    prefix: string,
    options: { readonly limit: number; readonly after?: string; readonly revision?: bigint },
  ): Promise<StoragePage> {
    const revision = options.revision ?? this.#revision;
    if (revision > this.#revision) throw tooLargeResourceVersion(revision, this.#revision);
    this.#throwIfCompacted(revision);
    const { after } = options;
    const items = withPrefix(this.#keys, prefix, itself)
      .filter((key) => after === undefined || key > after)
      .flatMap((key) => this.#read(key, revision) ?? []);
    return { items: items.slice(0, options.limit), revision, hasMore: items.length > options.limit };
  }

  async create(key: string, object: object): Promise<StoredItem> {
    if (this.#read(key, this.#revision)) throw new StorageError('exists', `${key} exists`);
    return this.#put(key, encodeObject(object));
  }

  async update(key: string, expected: bigint, object: object): Promise<StoredItem> {
    this.#throwUnlessAt(key, expected);
    return this.#put(key, encodeObject(object));
  }

  async delete(key: string, expected: bigint): Promise<bigint> {
    this.#throwUnlessAt(key, expected);
    return this.#append(key, undefined).revision;
  }

  async currentRevision(): Promise<bigint> {
    return this.#revision;
  }

  async oldestRevision(notBefore: bigint): Promise<bigint> {
    return notBefore > this.#compacted ? notBefore : this.#compacted;
  }

  async *watch(
    prefix: string,
    fromRevision: bigint,
    signal: AbortSignal,
    onProgress: (revision: bigint) => void,
  ): AsyncGenerator<readonly StorageEvent[], void, undefined> {
    let next = fromRevision;
    while (!signal.aborted) {
      this.#throwIfCompacted(next);
      if (next < this.#firstRevision()) next = this.#firstRevision();
      const version = this.#history[Number(next - this.#firstRevision())];
      if (version) {
        next++;
        if (version.key.startsWith(prefix)) yield [eventOf(version)];
      } else {
        onProgress(this.#revision);
        await this.#nextWrite(signal);
      }
    }
  }

  async close(): Promise<void> {
    this.#wake();
  }

  compact(revision: bigint): void {
    if (revision <= this.#compacted) return;
    const dropped = this.#history.slice(0, Number(revision - this.#firstRevision()));
    this.#history = this.#history.slice(dropped.length);
    this.#compacted = revision;
    for (const key of new Set(dropped.map((version) => version.key))) this.#forgetOldVersions(key, revision);
    this.#wake();
  }

  #firstRevision(): bigint {
    return this.#history[0]?.revision ?? this.#revision + 1n;
  }

  #read(key: string, revision: bigint): StoredItem | undefined {
    const version = this.#versions.get(key)?.findLast((candidate) => candidate.revision <= revision);
    return version?.bytes && { key, bytes: withRevision(version.bytes, version.revision), revision: version.revision };
  }

  #put(key: string, bytes: Buffer): StoredItem {
    const { revision } = this.#append(key, bytes);
    return { key, bytes: withRevision(bytes, revision), revision };
  }

  #append(key: string, bytes: Buffer | undefined): Version {
    const versions = this.#versions.get(key);
    const version = { key, revision: ++this.#revision, bytes, previous: versions?.at(-1)?.bytes };
    if (versions) versions.push(version);
    else {
      this.#versions.set(key, [version]);
      this.#keys.splice(lowerBound(this.#keys, key, itself), 0, key);
    }
    this.#history.push(version);
    if (this.#history.length > HISTORY_REVISIONS_MAX) this.compact(this.#revision - BigInt(HISTORY_REVISIONS_MAX / 2));
    this.#wake();
    return version;
  }

  /** Keeps the newest version at or below `revision`, because reads at `revision` need it, unless it is a deletion. */
  #forgetOldVersions(key: string, revision: bigint): void {
    const versions = this.#versions.get(key) ?? [];
    const current = versions.findLastIndex((version) => version.revision <= revision);
    const kept = versions.slice(Math.max(current, 0));
    if (kept[0]?.bytes === undefined && kept.length > 0 && current >= 0) kept.shift();
    if (kept.length > 0) this.#versions.set(key, kept);
    else {
      this.#versions.delete(key);
      this.#keys.splice(lowerBound(this.#keys, key, itself), 1);
    }
  }

  #throwUnlessAt(key: string, expected: bigint): void {
    const current = this.#read(key, this.#revision);
    if (!current) throw new StorageError('absent', `${key} does not exist`);
    if (current.revision !== expected) throw new StorageError('changed', `${key} is at ${current.revision}, not ${expected}`, current);
  }

  #throwIfCompacted(revision: bigint): void {
    if (revision < this.#compacted) throw new StorageError('compacted', `revision ${revision} was compacted at ${this.#compacted}`);
  }

  #nextWrite(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}

function eventOf({ key, revision, bytes, previous }: Version): StorageEvent {
  const state = bytes ?? previous;
  if (!state) throw new Error(`the deletion of ${key} at ${revision} deleted nothing`);
  return { type: bytes ? 'put' : 'delete', item: { key, bytes: withRevision(state, revision), revision } };
}
