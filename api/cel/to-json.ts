/** Values of expressions as JSON, for what mutations make of them. */
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { Json, JsonObject } from '../meta/json.ts';

/** `special` gives the JSON of values of types that the caller knows. Throws for a value that JSON cannot say. */
export function toJson(value: unknown, special: (value: unknown) => JsonObject | undefined): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof UnsignedInt) return Number(value.value);
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Duration) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((item) => toJson(item, special));
  const known = special(value);
  if (known !== undefined) return known;
  const isMap = value instanceof Map;
  if (!isMap && (typeof value !== 'object' || value.constructor !== Object)) throw new Error(`unsupported value of type ${typeof value}`);
  const entries: readonly (readonly [unknown, unknown])[] = isMap ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([name, inner]) => [String(name), toJson(inner, special)]));
}
