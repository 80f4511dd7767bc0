/**
 * Read, change, write back if nobody else did in between; again if somebody did. Every write to an existing object goes through here. The first
 * attempt starts from the cache, which is nearly always current and costs no round trip; whatever it leads to other than a write that the database
 * accepted (a refusal, a change that changes nothing) is believed only if the database has the same object, else it is tried once more from there. So nobody is asked
 * twice about one state of an object.
 * Source: k8s.io/apiserver, pkg/storage/etcd3/store.go, GuaranteedUpdate.
 */
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { notFound } from '#api/meta/status.ts';
import { parseStored } from '../encoding/json-value.ts';
import { servedBytesOf, storedObject } from '../encoding/served-bytes.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { type AlongsideWrite, StorageError } from '../storage/storage.ts';
import { storageKey } from '../storage-key.ts';
import type { PipelineDeps } from './request.ts';
import { withoutResourceVersion } from './resource-version.ts';

export interface StoredTarget {
  readonly definition: ResourceDefinition<ApiObject>;
  readonly namespace: string;
  readonly name: string;
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

/** What to do with the object as it is now. */
export type Change =
  | { readonly action: 'write'; readonly object: ApiObject; readonly alongside?: readonly AlongsideWrite[] }
  | { readonly action: 'delete'; readonly object: ApiObject };

export interface Modified {
  readonly outcome: 'written' | 'unchanged' | 'deleted';
  /** Final bytes; of a deletion the last state. Made when they are asked for, which an answer that is a Status never does. */
  bytes(): Buffer;
  readonly object: ApiObject;
}

interface Current {
  readonly bytes: Buffer;
  readonly revision: bigint;
  readonly isFresh: boolean;
}

/** What came of one attempt: settled, in need of another look, or settled if the object was what it was taken for. */
type Attempt = Modified | { readonly outcome: 'stale' } | { readonly outcome: 'doubtful'; conclude(): Modified };

const STALE: Attempt = { outcome: 'stale' };

/** `decide` sees the object with its resourceVersion, may be called several times, and may throw to refuse. Throws NotFound. */
export async function modifyStored(
  target: StoredTarget,
  deps: Pick<PipelineDeps, 'storage' | 'cache'>,
  decide: (current: ApiObject) => Promise<Change> | Change,
): Promise<Modified> {
  const key = storageKey(target.definition.type, target.namespace, target.name);
  const readFresh = async (): Promise<Current> => {
    const item = await deps.storage.get(key);
    if (item === undefined) throw notFound(target.definition.type, target.name);
    return { bytes: item.bytes, revision: item.revision, isFresh: true };
  };
  const cached = deps.cache.find(key);
  let current: Current = cached ? { bytes: cached.bytes, revision: cached.revision, isFresh: false } : await readFresh();
  for (;;) {
    target.signal.throwIfAborted();
    const attempt = await tryOnce(key, current, target, deps, decide);
    if (attempt.outcome !== 'stale' && attempt.outcome !== 'doubtful') return attempt;
    const fresh = await readFresh();
    if (attempt.outcome === 'doubtful' && fresh.revision === current.revision) return attempt.conclude();
    current = fresh;
  }
}

async function tryOnce(
  key: string,
  current: Current,
  { definition, isDryRun }: StoredTarget,
  { storage }: Pick<PipelineDeps, 'storage'>,
  decide: (current: ApiObject) => Promise<Change> | Change,
): Promise<Attempt> {
  const before = parseStored(await servedBytesOf(definition, current.bytes));
  try {
    const change = await decide(before);
    const object = withoutResourceVersion(change.object);
    if (change.action === 'delete') {
      if (!isDryRun) await storage.delete(key, current.revision);
      return { outcome: 'deleted', bytes: () => bytesAt(object, current.revision), object };
    }
    const stored = await storedObject(definition, object);
    const storedBefore = definition.custom === undefined ? await storedObject(definition, before) : parseStored(current.bytes);
    if (jsonEquals(stored, withoutResourceVersion(storedBefore))) {
      return settled({ outcome: 'unchanged', bytes: () => current.bytes, object: before }, current);
    }
    if (isDryRun) return settled({ outcome: 'written', bytes: () => bytesAt(object, current.revision), object }, current);
    const item = await storage.update(key, current.revision, stored, change.alongside);
    return { outcome: 'written', bytes: () => item.bytes, object };
  } catch (error) {
    const isLostRace = error instanceof StorageError && (error.reason === 'changed' || error.reason === 'absent');
    if (isLostRace) return STALE;
    if (current.isFresh) throw error;
    return {
      outcome: 'doubtful',
      conclude: () => {
        throw error;
      },
    };
  }
}

function settled(modified: Modified, { isFresh }: Current): Attempt {
  return isFresh ? modified : { outcome: 'doubtful', conclude: () => modified };
}

function bytesAt(object: ApiObject, revision: bigint): Buffer {
  return Buffer.from(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }));
}
