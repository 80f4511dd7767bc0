/**
 * Charges the ResourceQuotas of a namespace for what is written into it. The new figures go into the same transaction as the object, so that a quota is never
 * exceeded however many write at once, and nothing has to be given back when a write fails. What is freed again, the quota controller recounts.
 * Called last, by `pipeline/create.ts` and `pipeline/replace-object.ts`: everything else about the object is decided by then.
 */
import { chargeQuota, type QuotaWrite, usesQuota } from '#api/core/v1/quota-charge.ts';
import { resourcequotas } from '#api/generated/resources.ts';
import type { ResourceQuota } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { forbidden } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { parseStoredAs } from './encoding/json-value.ts';
import { withoutResourceVersion } from './pipeline/resource-version.ts';
import type { ResourceDefinition } from './resources/resource-definition.ts';
import { type AlongsideWrite, type Storage, StorageError } from './storage/storage.ts';
import type { WatchCache } from './storage/watch-cache.ts';
import { storagePrefix } from './storage-key.ts';

export interface ChargedWrite {
  readonly definition: ResourceDefinition<ApiObject>;
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
  readonly subresource: string;
}

export interface Quotas {
  /** What is to be stored together with the object. Throws Forbidden when a quota does not allow it. */
  plan(write: ChargedWrite): Promise<readonly AlongsideWrite[]>;
  /** Plans and stores, again when somebody else charged a quota in between. Creations of one namespace wait for each other rather than fail on each other. */
  charge<T>(write: ChargedWrite, store: (alongside: readonly AlongsideWrite[]) => Promise<T>): Promise<T>;
}

export interface QuotaDeps {
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

/** Somebody outside of this server (the controller, another server) would have to be faster as often in a row. */
const ATTEMPTS_MAX = 20;

export function createQuotas({ storage, cache, clock }: QuotaDeps): Quotas {
  const inLine = createLines();

  /** Most namespaces have no quota, and then there is nothing to do. */
  function keysFor({ definition: { type }, object, previous, subresource }: ChargedWrite): readonly string[] {
    const namespace = object.metadata.namespace ?? '';
    if (!type.isNamespaced || namespace === '' || !usesQuota({ type, object, previous, subresource })) return [];
    return cache.list(storagePrefix(resourcequotas, namespace)).map(({ key }) => key);
  }

  async function plan(write: ChargedWrite, keys = keysFor(write)): Promise<readonly AlongsideWrite[]> {
    if (keys.length === 0) return [];
    const { definition, object } = write;
    const asked: QuotaWrite = { ...write, type: definition.type, nowMs: clock.now() };
    const planned: AlongsideWrite[] = [];
    // The cache may be behind by the last charge.
    for (const item of await Promise.all(keys.map((key) => storage.get(key)))) {
      if (item === undefined) continue;
      const verdict = chargeQuota(parseStoredAs(resourcequotas, item.bytes), asked);
      if (!verdict.fits) throw forbidden(definition.type, object.metadata.name, verdict.why);
      if (verdict.quota !== undefined) planned.push({ key: item.key, expected: item.revision, object: toStored(verdict.quota) });
    }
    return planned;
  }

  return {
    plan,
    charge: async (write, store) => {
      const keys = keysFor(write);
      if (keys.length === 0) return store([]);
      return inLine(write.object.metadata.namespace ?? '', async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await store(await plan(write, keys));
          } catch (error) {
            const isOvertaken = error instanceof StorageError && error.reason === 'changed';
            if (!isOvertaken || attempt === ATTEMPTS_MAX) throw error;
          }
        }
      });
    },
  };
}

function toStored(quota: ResourceQuota): object {
  return withoutResourceVersion(quota);
}

/** Lets tasks of one name run one after the other. Nothing is kept of a name that nobody waits for. */
function createLines() {
  const ends = new Map<string, Promise<unknown>>();
  return async <T>(name: string, task: () => Promise<T>): Promise<T> => {
    const before = ends.get(name) ?? Promise.resolve();
    const run = before.then(task, task);
    ends.set(name, run);
    try {
      return await run;
    } finally {
      if (ends.get(name) === run) ends.delete(name);
    }
  };
}
