/**
 * The paths of what somebody wrote: what an apply makes its manager's. Every value is a path; a struct or list is one only when it is empty or atomic, an
 * item of a list and a key of a free map always are. Source: sigs.k8s.io/structured-merge-diff, typed/tofieldset.go.
 */
import { isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { emptyFieldSet, type FieldSet, LEAF, nodeOf, withSelf } from './field-set.ts';
import { isEmptyContainer, itemsByElement, type MergeType, memberType, resolveType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';

/** Pure; `object` is an object of the kind or the part of one that somebody applies. */
export function fieldsOf(type: MergeType, object: JsonObject): FieldSet {
  return nodeFor(type, object) ?? emptyFieldSet;
}

function nodeFor(declared: MergeType, value: Json): FieldSet | undefined {
  const type = resolveType(declared, value);
  switch (type.kind) {
    case 'leaf':
      return LEAF;
    case 'list':
      return nodeOf(
        false,
        [...itemsByElement(type, value)].map(([element, item]) => [element, withSelf(nodeFor(type.item, item))]),
      );
    case 'map':
    case 'struct':
      return isJsonObject(value) ? membersOf(type, value) : LEAF;
  }
}

function membersOf(type: Parameters<typeof memberType>[0], value: JsonObject): FieldSet | undefined {
  const members = Object.entries(value).flatMap(([name, inner]): [string, FieldSet][] => {
    if (inner === undefined) return [];
    const node = nodeFor(memberType(type, name), inner);
    const isOwned = type.kind === 'map' || inner === null || (isJsonObject(inner) && isEmptyContainer(inner));
    if (isOwned) return [[fieldElement(name), withSelf(node)]];
    return node === undefined ? [] : [[fieldElement(name), node]];
  });
  return nodeOf(false, members);
}
