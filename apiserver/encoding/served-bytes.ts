/**
 * Stored bytes as a version of a kind serves them. Nearly always these are the same; a version that is not the stored one is made of it here, once per object, and
 * turned back into it before it is written; objects of a custom resource may have been stored before its schema was what it is. Whoever shows or changes
 * stored objects asks here. Of custom resources that a webhook converts, it asks for the conversion first.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { CachedObject } from '../storage/watch-cache.ts';
import { isOfType, parseStored } from './json-value.ts';

/** By version, then by stored bytes: an object that is read again and again is converted once. */
const servedByStored = new WeakMap<object, WeakMap<Buffer, Buffer>>();

export function servedBytes(definition: ResourceDefinition<ApiObject>, bytes: Buffer): Buffer {
  const { custom, storedAs, type } = definition;
  if (custom !== undefined) return custom.served(bytes);
  if (storedAs === undefined) return bytes;
  const known = servedByStored.getOrInsertComputed(definition, () => new WeakMap());
  return known.getOrInsertComputed(bytes, () => {
    const object = parseStored(bytes);
    // What a dry run would have written is in the version of its request.
    return isOfType(type, object) ? bytes : Buffer.from(JSON.stringify(storedAs.fromStored(object)));
  });
}

const servedByBytes = new WeakMap<Buffer, CachedObject>();

/** Of a cached object; one value for all watchers, so that they share what is made of it. */
export function servedObject(definition: ResourceDefinition<ApiObject>, object: CachedObject): CachedObject {
  const bytes = servedBytes(definition, object.bytes);
  if (bytes === object.bytes) return object;
  const known = servedByBytes.get(bytes);
  if (known !== undefined && known.revision === object.revision) return known;
  const served = { ...object, bytes };
  servedByBytes.set(bytes, served);
  return served;
}

/** Waits until all of these can be shown: a webhook may have to be asked, which is done for many at once. Nearly always there is nothing to do. */
export async function prepareServed({ custom }: ResourceDefinition<ApiObject>, stored: readonly Buffer[]): Promise<void> {
  await custom?.convertAhead?.(stored);
}

/** One object, converted by whoever has to. */
export async function servedBytesOf(definition: ResourceDefinition<ApiObject>, bytes: Buffer): Promise<Buffer> {
  await definition.custom?.convertAhead?.([bytes]);
  return servedBytes(definition, bytes);
}

/** The object as it is stored. */
export async function storedObject({ custom, storedAs }: ResourceDefinition<ApiObject>, object: ApiObject): Promise<ApiObject> {
  return (custom ?? storedAs)?.toStored(object) ?? object;
}

/** An object of one version of a kind in another. */
export async function convertObject(
  from: ResourceDefinition<ApiObject>,
  to: ResourceDefinition<ApiObject>,
  object: ApiObject,
): Promise<ApiObject> {
  if (from === to) return object;
  if (to.custom !== undefined) return to.custom.fromVersion(object);
  const stored = from.storedAs?.toStored(object) ?? object;
  return to.storedAs?.fromStored(stored) ?? stored;
}

/** Whether stored bytes may differ from what is served. */
export function isConverted({ custom, storedAs }: ResourceDefinition<ApiObject>): boolean {
  return custom !== undefined || storedAs !== undefined;
}
