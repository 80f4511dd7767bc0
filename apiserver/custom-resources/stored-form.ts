/**
 * Between the version of a custom resource that is stored and the ones that are served, where versions differ in nothing but their name (conversion strategy
 * None), so that bytes are nearly always served as they are. Objects stored before the schema was what it is are pruned and defaulted when they are
 * read, once per bytes. Where a webhook converts, `converted-form.ts` does; it builds on this.
 * Source: k8s.io/apiextensions-apiserver, pkg/apiserver/conversion/nop_converter.go and customresource_handler.go.
 */
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { applySchemaDefaults } from '#api/structural-schema/default.ts';
import { pruneResource } from '#api/structural-schema/prune.ts';
import type { Schema } from '#api/structural-schema/schema.ts';
import type { CustomParts } from '../resources/resource-definition.ts';

/** Stored bytes begin with apiVersion, kind and metadata, whose first member is the version; names are not longer than this. */
const HEAD_BYTES_MAX = 600;

export interface StorageVersion {
  readonly apiVersion: string;
  /** By apiVersion: what objects stored in it look like. */
  readonly schemas: ReadonlyMap<string, Schema>;
  /** Objects stored at or before this revision may have been stored under another schema. */
  readonly schemaRevision: bigint;
}

export type StoredForm = Pick<CustomParts, 'served' | 'convertAhead' | 'toStored' | 'fromVersion'>;

export function createStoredForm(apiVersion: string, storage: StorageVersion): StoredForm {
  const isOfVersion = versionTest(apiVersion);
  const made = new WeakMap<Buffer, Buffer>();
  return {
    served: (bytes) => {
      const isOfSchema = revisionOf(bytes) > storage.schemaRevision;
      if (isOfVersion(bytes) && isOfSchema) return bytes;
      return made.getOrInsertComputed(bytes, () =>
        isOfSchema ? withHead(bytes, headOf(apiVersion)) : rewritten(bytes, apiVersion, storage),
      );
    },
    toStored: (object) => (object.apiVersion === storage.apiVersion ? object : { ...object, apiVersion: storage.apiVersion }),
    fromVersion: (object) => ({ ...object, apiVersion }),
  };
}

/** Whether bytes are of that version; without reading more than their beginning. */
export function versionTest(apiVersion: string): (bytes: Buffer) => boolean {
  const head = headOf(apiVersion);
  return (bytes) => bytes.subarray(0, head.length).equals(head);
}

/** Stored bytes in the shape that their own version has today; the same bytes where nothing differs. */
export function shapedBytes(bytes: Buffer, storage: StorageVersion): Buffer {
  return revisionOf(bytes) > storage.schemaRevision ? bytes : rewritten(bytes, undefined, storage);
}

function headOf(apiVersion: string): Buffer {
  return Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},`);
}

/** Zero when the bytes are not laid out as stored ones are. */
function revisionOf(bytes: Buffer): bigint {
  const match = /^\{"apiVersion":"[^"]*","kind":"[^"]*","metadata":\{"resourceVersion":"(\d+)"/.exec(
    bytes.toString('latin1', 0, HEAD_BYTES_MAX),
  );
  return match === null ? 0n : BigInt(match[1] ?? '0');
}

/** A group, version and kind have no commas in them: the first one ends the old head. */
function withHead(bytes: Buffer, head: Buffer): Buffer {
  return Buffer.concat([head, bytes.subarray(bytes.indexOf(',') + 1)]);
}

/** Without an `apiVersion` the object's own stays. */
function rewritten(bytes: Buffer, apiVersion: string | undefined, storage: StorageVersion): Buffer {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (!isJsonObject(value)) return bytes;
  const shaped = shapedAs(storage.schemas.get(String(value.apiVersion)) ?? storage.schemas.get(storage.apiVersion), value);
  const wanted = apiVersion ?? value.apiVersion ?? storage.apiVersion;
  if (shaped === value && value.apiVersion === wanted) return bytes;
  return Buffer.from(JSON.stringify({ ...shaped, apiVersion: wanted }));
}

function shapedAs(schema: Schema | undefined, value: JsonObject): JsonObject {
  return schema === undefined ? value : applySchemaDefaults(schema, pruneResource(schema, value).value);
}
