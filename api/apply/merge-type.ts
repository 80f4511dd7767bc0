/**
 * How the places of an object are owned and merged: what the walks of this folder (`fields-of`, `compare`, `merge`, `remove-fields`) need to know of a
 * kind, and all they know. `built-in-types.ts` makes it of the generated schemas; a custom resource's schema gives the same at run time, and
 * `deducedType` serves where there is no schema. Source: sigs.k8s.io/structured-merge-diff, schema/elements.go and typed/deduced.go.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { keyElement, valueElement } from './path-element.ts';

export type MergeType =
  /** Owned and replaced as a whole: plain values, atomic lists, maps and structs. */
  | { readonly kind: 'leaf' }
  | StructType
  /** Free keys, each with an owner of its own. */
  | { readonly kind: 'map'; readonly item: MergeType }
  | ListType
  /** No schema: objects are maps, everything else is a leaf. */
  | { readonly kind: 'deduced' };

export interface StructType {
  readonly kind: 'struct';
  /** Undefined for a field that the schema does not have. */
  field(name: string): MergeType | undefined;
  /** Whether every such struct has the field, empty if need be, so that nobody owns its being there. */
  isAlwaysThere(name: string): boolean;
}

/** A list whose items are told apart by key fields, or, as a set of plain values, by themselves (no keys). */
export interface ListType {
  readonly kind: 'list';
  /** In the order of their names, which is how an item's element is written. */
  readonly keys: readonly string[];
  /** What a key field means when an item leaves it out. */
  readonly keyDefaults: JsonObject;
  readonly item: MergeType;
}

export const leafType: MergeType = { kind: 'leaf' };
export const deducedType: MergeType = { kind: 'deduced' };

/** What a value of this type is walked as: a deduced type becomes what the value looks like. */
export function resolveType(type: MergeType, value: Json | undefined): Exclude<MergeType, { kind: 'deduced' }> {
  if (type.kind !== 'deduced') return type;
  return isJsonObject(value) ? { kind: 'map', item: deducedType } : { kind: 'leaf' };
}

/** The type of a member of a struct or map; fields that nobody knows are leaves. */
export function memberType(type: StructType | { readonly kind: 'map'; readonly item: MergeType }, name: string): MergeType {
  return type.kind === 'map' ? type.item : (type.field(name) ?? leafType);
}

/** The path element of a list's item; undefined for an item that has none of the keys, or is no plain value in a set. */
export function itemElement(type: ListType, item: Json): string | undefined {
  if (type.keys.length === 0) return isJsonObject(item) || isJsonArray(item) || item === null ? undefined : valueElement(item);
  if (!isJsonObject(item)) return undefined;
  const keys: [string, Json][] = [];
  for (const key of type.keys) {
    const value = Object.hasOwn(item, key) ? item[key] : type.keyDefaults[key];
    if (value !== undefined && value !== null) keys.push([key, value]);
  }
  return keys.length === 0 ? undefined : keyElement(keys);
}

/** A list's items by element, the first of each; items without one are left out. */
export function itemsByElement(type: ListType, items: Json | undefined): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  if (!isJsonArray(items)) return found;
  for (const item of items) {
    const element = itemElement(type, item);
    if (element !== undefined && !found.has(element)) found.set(element, item);
  }
  return found;
}

/** Absent, null, `{}` and `[]`: what has no parts that could be owned one by one. */
export function isEmptyContainer(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (isJsonArray(value)) return value.length === 0;
  if (!isJsonObject(value)) return false;
  for (const _ in value) return false;
  return true;
}
