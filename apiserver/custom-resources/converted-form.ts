/**
 * Between the stored and the served versions of a custom resource where a webhook converts. What is to be shown is converted ahead, many objects in one call, and
 * kept with the stored bytes: however many clients list and watch a version, an object is converted once per change and version. Made by
 * `define-custom-resource.ts`; a definition that changes gets a new one, which knows nothing yet.
 */
import type { JsonObject } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { pruneResource } from '#api/structural-schema/prune.ts';
import { isApiObject } from '../encoding/json-value.ts';
import type { Converter } from './conversion-webhook.ts';
import { createStoredForm, type StorageVersion, type StoredForm, shapedBytes, versionTest } from './stored-form.ts';

/** One call's objects: few enough that reading the answer holds nobody else up. */
const OBJECTS_PER_CALL_MAX = 50;
const BYTES_PER_CALL_MAX = 256 * 1024;

/** Of one list: enough to hide the webhook's latency, too few to crowd others out. */
const CALLS_AT_ONCE_MAX = 4;

export function createConvertedForm(apiVersion: string, storage: StorageVersion, converter: Converter): StoredForm {
  const own = createStoredForm(apiVersion, storage);
  const isOwn = versionTest(apiVersion);
  const made = new WeakMap<Buffer, Buffer>();
  const underWay = new WeakMap<Buffer, Promise<void>>();

  async function convertAll(stored: readonly Buffer[]): Promise<void> {
    const shaped = stored.map((bytes) => shapedBytes(bytes, storage));
    const converted = await converter.convert(shaped, apiVersion);
    for (const [index, bytes] of stored.entries()) {
      const object = converted[index];
      if (object !== undefined) made.set(bytes, Buffer.from(JSON.stringify(pruned(object, apiVersion, storage))));
    }
  }

  /** Calls wait for one another in a few rows. */
  function begin(stored: readonly Buffer[]): void {
    const rows: Promise<void>[] = [];
    for (const [index, batch] of batchesOf(stored).entries()) {
      const before = rows[index % CALLS_AT_ONCE_MAX] ?? Promise.resolve();
      const run = before
        .then(() => convertAll(batch))
        .finally(() => {
          for (const bytes of batch) underWay.delete(bytes);
        });
      rows[index % CALLS_AT_ONCE_MAX] = run;
      for (const bytes of batch) underWay.set(bytes, run);
    }
  }

  return {
    served: (bytes) => {
      if (isOwn(bytes)) return own.served(bytes);
      const converted = made.get(bytes);
      if (converted === undefined) throw new Error('the object was not converted ahead');
      return converted;
    },
    convertAhead: async (stored) => {
      begin([...new Set(stored)].filter((bytes) => !isOwn(bytes) && !made.has(bytes) && !underWay.has(bytes)));
      await Promise.all(stored.map((bytes) => underWay.get(bytes)));
    },
    toStored: (object) => convertOne(object, storage.apiVersion, storage, converter),
    fromVersion: (object) => convertOne(object, apiVersion, storage, converter),
  };
}

async function convertOne(object: ApiObject, apiVersion: string, storage: StorageVersion, converter: Converter): Promise<ApiObject> {
  if (object.apiVersion === apiVersion) return object;
  const [converted] = await converter.convert([Buffer.from(JSON.stringify(object))], apiVersion);
  const result = converted === undefined ? undefined : pruned(converted, apiVersion, storage);
  if (!isApiObject(result)) throw new TypeError('a converted object has apiVersion, kind and metadata');
  return result;
}

/** What the version does not know the webhook may have left behind. */
function pruned(object: JsonObject, apiVersion: string, { schemas }: StorageVersion): JsonObject {
  const schema = schemas.get(apiVersion);
  return schema === undefined ? object : pruneResource(schema, object).value;
}

function batchesOf(stored: readonly Buffer[]): readonly (readonly Buffer[])[] {
  const batches: Buffer[][] = [];
  let room = 0;
  for (const bytes of stored) {
    const last = batches.at(-1);
    room -= bytes.length;
    if (last !== undefined && room >= 0 && last.length < OBJECTS_PER_CALL_MAX) last.push(bytes);
    else {
      batches.push([bytes]);
      room = BYTES_PER_CALL_MAX - bytes.length;
    }
  }
  return batches;
}
