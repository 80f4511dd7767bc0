/**
 * What changed between two states of an object, as paths: what an update makes its manager's and takes from the others. Runs on every write, so what did not
 * change costs no more than finding that out. Source: sigs.k8s.io/structured-merge-diff, typed/compare.go.
 */
import { isJsonObject, type Json, type JsonObject, jsonEquals } from '../meta/json.ts';
import { emptyFieldSet, type FieldSet, LEAF, nodeOf, union } from './field-set.ts';
import { isEmptyContainer, itemsByElement, type ListType, type MergeType, memberType, resolveType, type StructType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Of one node; undefined members for what there is none of, undefined as a whole for no change. */
interface Change {
  readonly added?: FieldSet | undefined;
  readonly modified?: FieldSet | undefined;
  readonly removed?: FieldSet | undefined;
}

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
  const type = resolveType(declared, after === undefined ? before : after);
  if (type.kind === 'leaf' || (isEmptyContainer(before) && isEmptyContainer(after))) return compareLeaves(declared, before, after);
  const members = type.kind === 'list' ? itemPairs(type, before, after) : memberPairs(type, before, after);
  const changes: [string, Change][] = [];
  for (const { element, memberType, before, after } of members) {
    const change = compareValues(memberType, before, after);
    if (change !== undefined) changes.push([element, change]);
  }
  const wasPlain = declared.kind === 'deduced' && before !== undefined && before !== null && !isJsonObject(before);
  return changeOf(changes, { isAdded: before === undefined, isRemoved: after === undefined, isModified: wasPlain });
}

/** A schemaless object that became a plain value loses what it had in it. */
function compareLeaves(declared: MergeType, before: Json | undefined, after: Json | undefined): Change | undefined {
  if (before === undefined) return { added: LEAF };
  if (after === undefined) return { removed: LEAF };
  const areBothEmpty = (before === null || after === null) && isEmptyContainer(before) && isEmptyContainer(after);
  if (areBothEmpty || jsonEquals(before, after)) return undefined;
  const lost = declared.kind === 'deduced' && isJsonObject(before) ? membersChange(before) : undefined;
  return { modified: LEAF, removed: lost };
}

function membersChange(before: JsonObject): FieldSet | undefined {
  return compareValues({ kind: 'map', item: { kind: 'deduced' } }, before, {})?.removed;
}

interface Pair {
  readonly element: string;
  readonly memberType: MergeType;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

function* memberPairs(
  type: StructType | { readonly kind: 'map'; readonly item: MergeType },
  before: Json | undefined,
  after: Json | undefined,
): Generator<Pair> {
  const had = isJsonObject(before) ? before : {};
  const has = isJsonObject(after) ? after : {};
  const memberOf = (parent: Json | undefined, members: JsonObject, name: string): Json | undefined => {
    if (Object.hasOwn(members, name)) return members[name];
    return type.kind === 'struct' && parent !== undefined && type.isAlwaysThere(name) ? null : undefined;
  };
  for (const name in had) {
    const pair = { before: memberOf(before, had, name), after: memberOf(after, has, name) };
    if (pair.before !== pair.after) yield { element: fieldElement(name), memberType: memberType(type, name), ...pair };
  }
  for (const name in has) {
    if (Object.hasOwn(had, name) || has[name] === undefined) continue;
    yield { element: fieldElement(name), memberType: memberType(type, name), before: memberOf(before, had, name), after: has[name] };
  }
}

function* itemPairs(type: ListType, before: Json | undefined, after: Json | undefined): Generator<Pair> {
  const had = itemsByElement(type, before);
  const has = itemsByElement(type, after);
  for (const [element, item] of had) yield { element, memberType: type.item, before: item, after: has.get(element) };
  for (const [element, item] of has) if (!had.has(element)) yield { element, memberType: type.item, before: undefined, after: item };
}

function changeOf(
  changes: readonly (readonly [string, Change])[],
  { isAdded, isRemoved, isModified }: Readonly<Record<'isAdded' | 'isRemoved' | 'isModified', boolean>>,
): Change | undefined {
  const nodesOf = (part: keyof Change, isSelf: boolean): FieldSet | undefined => {
    const nodes = changes.flatMap(([element, change]): [string, FieldSet][] => {
      const node = change[part];
      return node === undefined ? [] : [[element, node]];
    });
    return nodeOf(isSelf, nodes);
  };
  if (changes.length === 0 && !isAdded && !isRemoved && !isModified) return undefined;
  return { added: nodesOf('added', isAdded), modified: nodesOf('modified', isModified), removed: nodesOf('removed', isRemoved) };
}
