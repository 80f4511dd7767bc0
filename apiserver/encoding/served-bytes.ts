/**
 * Stored bytes as a kind serves them. For built-in kinds these are the same; objects of a custom resource may have been stored in another version of it,
 * or before its schema was what it is. Whoever shows or changes stored objects asks here first.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { CachedObject } from '../storage/watch-cache.ts';

export function servedBytes({ custom }: ResourceDefinition<ApiObject>, bytes: Buffer): Buffer {
  return custom === undefined ? bytes : custom.served(bytes);
}

/** Of a cached object; one value per bytes, so that watchers share what is made of it. */
export function servedObject(definition: ResourceDefinition<ApiObject>, object: CachedObject): CachedObject {
  const bytes = servedBytes(definition, object.bytes);
  if (bytes === object.bytes) return object;
  const known = byServedBytes.get(bytes);
  if (known !== undefined && known.revision === object.revision) return known;
  const served = { ...object, bytes };
  byServedBytes.set(bytes, served);
  return served;
}

const byServedBytes = new WeakMap<Buffer, CachedObject>();
