/** Narrowing of parsed JSON. What the server stored itself is trusted to be an object with metadata; everything else is looked at. */
import { type ApiObject, isOfType, type ResourceType } from '#api/meta/resource-type.ts';

export { isOfType };

export type JsonObject = { readonly [key: string]: unknown };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Has the three parts every object has. What the metadata holds is validation's affair. */
export function isApiObject(value: unknown): value is ApiObject {
  return isJsonObject(value) && typeof value.kind === 'string' && typeof value.apiVersion === 'string' && isJsonObject(value.metadata);
}

/** Takes the bytes of a stored object. Throws for bytes that this server cannot have written. */
export function parseStored(bytes: Buffer): ApiObject {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (!isApiObject(value)) throw new Error('the stored value is not an object with kind, apiVersion and metadata');
  return value;
}

/** A stored object of a resource whose type is known. */
export function parseStoredAs<T extends ApiObject>(type: ResourceType<T>, bytes: Buffer): T {
  const object = parseStored(bytes);
  if (!isOfType(type, object)) throw new Error(`the stored value is a ${object.kind}, not a ${type.kind}`);
  return object;
}
