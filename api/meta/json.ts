/**
 * JSON as a type, for code that walks objects whose kind it does not know: the decoder and the patches. A value that came out of
 * `JSON.parse` is a `Json`; `isJson` is not needed for it, `isJsonObject` and `isJsonArray` narrow it while walking.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** An own member only: `__proto__` and `constructor` in a body are data, never what every object inherits. */
export function memberOf(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Whether two values say the same; the order of members does not matter, that of items does. An absent member equals nothing. */
export function jsonEquals(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isJsonArray(left)) {
    return isJsonArray(right) && left.length === right.length && left.every((item, index) => jsonEquals(item, right[index]));
  }
  if (!isJsonObject(left) || !isJsonObject(right)) return false;
  const keys = Object.keys(left).filter((key) => left[key] !== undefined);
  const others = Object.keys(right).filter((key) => right[key] !== undefined);
  return keys.length === others.length && keys.every((key) => Object.hasOwn(right, key) && jsonEquals(left[key], right[key]));
}

/** Deeper than any real object and far from the end of our stack; whatever walks a client's JSON refuses deeper ones first. */
export const JSON_DEPTH_MAX = 500;

/** Whether a value nests deeper than `JSON_DEPTH_MAX`, counted from `depth`; itself never goes deeper than that. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= JSON_DEPTH_MAX || Object.values(value).some((inner) => isTooDeep(inner, depth + 1));
}
