/**
 * JSON merge patch (RFC 7386, `application/merge-patch+json`): the patch is laid over the object, null removes. Used for every kind,
 * custom ones included. The result is a plain JSON value that must be decoded again before it is an object of its kind.
 */
import { isJsonObject, isTooDeep, type Json, type JsonObject, memberOf } from '../meta/json.ts';
import { ApiError } from '../meta/status.ts';

/** Takes the stored object and the patch's body; gives the patched object. Throws BadRequest for a patch that is no object. */
export function applyMergePatch(original: JsonObject, patch: unknown): JsonObject {
  if (!isJsonObject(patch)) throw new ApiError('BadRequest', 'error decoding patch: a merge patch must be a JSON object');
  if (isTooDeep(patch)) throw new ApiError('BadRequest', 'error decoding patch: json: exceeded max depth');
  return mergeObjects(original, patch);
}

function mergeObjects(original: JsonObject, patch: JsonObject): JsonObject {
  const members = new Map<string, Json>(Object.entries(original));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else members.set(key, isJsonObject(value) ? mergeObjects(objectOr(memberOf(original, key)), value) : value);
  }
  return Object.fromEntries(members);
}

function objectOr(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
