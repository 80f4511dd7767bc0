/**
 * Takes paths out of an object: what a manager applied before and no longer does. Source: sigs.k8s.io/structured-merge-diff, typed/remove.go, and
 * fieldpath/set.go for the paths that go with others.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { type FieldSet, isEmptyFieldSet, nodeOf } from './field-set.ts';
import { isEmptyContainer, itemElement, type ListType, type MergeType, memberType, resolveType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';

/** Pure. A struct, map or list that is left with nothing becomes null: it is empty, which is not to say that its being there was taken away. */
export function removeFields(type: MergeType, object: JsonObject, fields: FieldSet): JsonObject {
  if (isEmptyFieldSet(fields)) return object;
  const rest = removeBelow(type, object, fields);
  return isJsonObject(rest) ? rest : {};
}

/**
 * The set and, in it, every field of a struct that has something below it: who owned all that was said about `spec.strategy` takes it away as a whole, with
 * the defaults that came along.
 */
export function withStructFields(type: MergeType, fields: FieldSet): FieldSet {
  return isEmptyFieldSet(fields) ? fields : (withStructNodes(type, fields, false) ?? fields);
}

function withStructNodes(type: MergeType, node: FieldSet, isStructField: boolean): FieldSet | undefined {
  const elements = Object.keys(node).filter((element) => element !== '.');
  const children = elements.map((element): [string, FieldSet] => {
    const child = node[element] ?? {};
    const name = element.startsWith('f:') ? element.slice(2) : undefined;
    const isNamed = type.kind === 'struct' && name !== undefined && type.field(name) !== undefined;
    return [element, withStructNodes(typeBelow(type, name), child, isNamed) ?? child];
  });
  return nodeOf(isStructField || '.' in node || elements.length === 0, children);
}

function typeBelow(type: MergeType, name: string | undefined): MergeType {
  if (type.kind === 'list') return type.item;
  if (type.kind === 'struct' || type.kind === 'map') return name === undefined ? { kind: 'leaf' } : memberType(type, name);
  return type;
}

function removeBelow(declared: MergeType, value: Json, fields: FieldSet): Json | undefined {
  const type = resolveType(declared, value);
  if (type.kind === 'leaf') return isEmptyContainer(value) || isJsonObject(value) || isJsonArray(value) ? undefined : value;
  if (type.kind === 'list') return isJsonArray(value) ? removeItems(type, value, fields) : value;
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).flatMap(([name, inner]): [string, Json][] => {
    const rest = restOf(memberType(type, name), inner, fields[fieldElement(name)]);
    return rest === undefined ? [] : [[name, rest]];
  });
  return members.length === 0 ? null : Object.fromEntries(members);
}

function removeItems(type: ListType, items: readonly Json[], fields: FieldSet): Json {
  const rest = items.flatMap((item) => {
    const element = itemElement(type, item);
    const left = element === undefined ? item : restOf(type.item, item, fields[element]);
    return left === undefined || left === null ? [] : [left];
  });
  return rest.length === 0 ? null : rest;
}

/** `node` says what of the value goes: nothing, all of it, or something below. */
function restOf(type: MergeType, value: Json, node: FieldSet | undefined): Json | undefined {
  if (node === undefined) return value;
  return isEmptyFieldSet(node) || '.' in node ? undefined : removeBelow(type, value, node);
}
