/**
 * Between the version of a custom resource that is stored and the ones that are served. Versions differ in nothing but their name (conversion strategy
 * None), so that bytes are nearly always served as they are. Objects stored before the schema was what it is are pruned and defaulted when they are
 * read, once per bytes. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/conversion/nop_converter.go and customresource_handler.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
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
}

export function createStoredForm(
  apiVersion: string,
  storage: StorageVersion,
  schemaRevision: bigint,
): Pick<CustomParts, 'served' | 'toStored'> {
  const head = Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},`);
  const made = new WeakMap<Buffer, Buffer>();
  return {
    served: (bytes) => {
      const isOfVersion = bytes.subarray(0, head.length).equals(head);
      const isOfSchema = revisionOf(bytes) > schemaRevision;
      if (isOfVersion && isOfSchema) return bytes;
      const known = made.get(bytes);
      if (known !== undefined) return known;
      const served = isOfSchema ? withHead(bytes, head) : rewritten(bytes, apiVersion, storage);
      made.set(bytes, served);
      return served;
    },
    toStored: (object) => (object.apiVersion === storage.apiVersion ? object : { ...object, apiVersion: storage.apiVersion }),
  };
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

function rewritten(bytes: Buffer, apiVersion: string, storage: StorageVersion): Buffer {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (!isJsonObject(value)) return bytes;
  const schema = storage.schemas.get(String(value.apiVersion)) ?? storage.schemas.get(storage.apiVersion);
  const shaped = schema === undefined ? value : applySchemaDefaults(schema, pruneResource(schema, value).value);
  if (shaped === value && value.apiVersion === apiVersion) return bytes;
  return Buffer.from(JSON.stringify({ ...shaped, apiVersion }));
}
