/**
 * What changed between two states of an object, as paths: what an update makes its manager's and takes from the others. Runs on every write, so what did not
 * change costs no more than finding that out, and what is wholly new is not compared with anything.
 * Source: sigs.k8s.io/structured-merge-diff, typed/compare.go.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEquals } from '../meta/json.ts';
import { emptyFieldSet, type FieldSet, fieldNode, LEAF, nodeOf, union } from './field-set.ts';
import { deducedType, isEmptyContainer, itemsByElement, type ListType, type MergeType, memberType, resolveType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Of one node: undefined for what there is none of. A change as a whole is undefined when there is none. */
interface Change {
  readonly added?: FieldSet | undefined;
  readonly modified?: FieldSet | undefined;
  readonly removed?: FieldSet | undefined;
}

type Parent = Parameters<typeof memberType>[0];
type Children = [element: string, change: Change][];

const LEAF_MODIFIED: Change = { modified: LEAF };

/** Undefined when nothing changed that could have an owner: the order of a list has none. `before` is `{}` for a new object. */
export function compareFields(type: MergeType, before: JsonObject, after: JsonObject): Comparison | undefined {
  const change = compareValues(type, before, after);
  if (change === undefined) return undefined;
  const { added = emptyFieldSet, modified = emptyFieldSet, removed = emptyFieldSet } = change;
  return { added, modified, removed };
}

/** What somebody wrote: all that is new or different. */
export function changedFields({ added, modified }: Comparison): FieldSet {
  return union(added, modified);
}

function compareValues(declared: MergeType, before: Json | undefined, after: Json | undefined): Change | undefined {
  if (before === after) return undefined;
  if (before === undefined) return after === undefined ? undefined : { added: wholeNode(declared, after) };
  if (after === undefined) return { removed: wholeNode(declared, before) };
  const type = resolveType(declared, after);
  if (type.kind === 'leaf') return compareLeaves(declared, before, after);
  if (isEmptyContainer(before) && isEmptyContainer(after)) return compareLeaves(type, before, after);
  const children: Children = type.kind === 'list' ? compareItems(type, before, after) : compareMembers(type, before, after);
  const wasPlain = declared.kind === 'deduced' && before !== null && !isJsonObject(before);
  if (children.length === 0) return wasPlain ? LEAF_MODIFIED : undefined;
  return {
    added: nodeOfPart(children, 'added', false),
    modified: nodeOfPart(children, 'modified', wasPlain),
    removed: nodeOfPart(children, 'removed', false),
  };
}

/** A schemaless object that became a plain value loses what it had in it. */
function compareLeaves(declared: MergeType, before: Json, after: Json): Change | undefined {
  const areBothEmpty = (before === null || after === null) && isEmptyContainer(before) && isEmptyContainer(after);
  if (areBothEmpty || jsonEquals(before, after)) return undefined;
  if (declared.kind !== 'deduced' || !isJsonObject(before)) return LEAF_MODIFIED;
  return { modified: LEAF, removed: compareValues({ kind: 'map', item: deducedType }, before, {})?.removed };
}

function compareMembers(type: Parent, before: Json, after: Json): Children {
  const had = isJsonObject(before) ? before : {};
  const has = isJsonObject(after) ? after : {};
  const children: Children = [];
  const compare = (name: string, old: Json | undefined, now: Json | undefined): void => {
    if (old === now) return;
    const change = compareValues(memberType(type, name), old, now);
    if (change !== undefined) children.push([fieldElement(name), change]);
  };
  const absent = (name: string): null | undefined => (type.kind === 'struct' && type.isAlwaysThere(name) ? null : undefined);
  for (const name in had) compare(name, had[name] ?? absent(name), Object.hasOwn(has, name) ? has[name] : absent(name));
  for (const name in has) if (!Object.hasOwn(had, name)) compare(name, absent(name), has[name]);
  return children;
}

function compareItems(type: ListType, before: Json, after: Json): Children {
  const had = itemsByElement(type, before);
  const has = itemsByElement(type, after);
  const children: Children = [];
  for (const [element, item] of had) {
    const change = compareValues(type.item, item, has.get(element));
    if (change !== undefined) children.push([element, change]);
  }
  for (const [element, item] of has) if (!had.has(element)) children.push([element, { added: wholeNode(type.item, item) }]);
  return children;
}

function nodeOfPart(children: Children, part: keyof Change, isSelf: boolean): FieldSet | undefined {
  const nodes: [string, FieldSet][] = [];
  for (const [element, change] of children) {
    const node = change[part];
    if (node !== undefined) nodes.push([element, node]);
  }
  return nodeOf(isSelf, nodes);
}

/** Every path of a value that came or went as a whole: itself, and all that is in it. */
function wholeNode(declared: MergeType, value: Json): FieldSet {
  const type = resolveType(declared, value);
  if (type.kind === 'leaf') return LEAF;
  if (type.kind === 'list') {
    if (!isJsonArray(value)) return LEAF;
    const items = [...itemsByElement(type, value)].map(([element, item]): [string, FieldSet] => [element, wholeNode(type.item, item)]);
    return nodeOf(true, items) ?? LEAF;
  }
  return isJsonObject(value) ? fieldNode(value, (name, inner) => wholeNode(memberType(type, name), inner)) : LEAF;
}
