/**
 * Keys that every JavaScript object inherits are keys like others in JSON, but libraries refuse them, rightly, because most who use them would be harmed. Here they go
 * by other names while a library works on them. Pure; `reveal(disguise(x))` is x. Called by `json-patch.ts`.
 */
import { isJsonArray, isJsonObject, type Json } from '../meta/json.ts';

const INHERITED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Of the private use area: what begins with it already gets one more. */
const MARK = '\ue000';

export function isDisguised(key: string): boolean {
  return INHERITED.has(key) || key.startsWith(MARK);
}

export function disguiseKey(key: string): string {
  return isDisguised(key) ? `${MARK}${key}` : key;
}

export function disguise(value: Json): Json {
  return mapKeys(value, disguiseKey);
}

export function reveal(value: Json): Json {
  return mapKeys(value, (key) => (key.startsWith(MARK) ? key.slice(MARK.length) : key));
}

function mapKeys(value: Json, change: (key: string) => string): Json {
  if (isJsonArray(value)) return value.map((item) => mapKeys(item, change));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]): [string, Json] => [change(key), mapKeys(inner, change)]));
}
