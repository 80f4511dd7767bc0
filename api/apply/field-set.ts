/**
 * Sets of paths into an object, in the form in which `managedFields` stores them (FieldsV1): a tree whose members are path elements, so that nothing
 * is parsed or rendered to compare two of them. A node is in the set when it is empty or has the member `.`; what else it has lies below it. The
 * root is no path: an empty root is the empty set. Sets are immutable and share what they have in common; operations give back an argument as
 * it is when the result says the same. Source: sigs.k8s.io/structured-merge-diff, fieldpath (Set, serialization of FieldsV1).
 */
import { isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { canonicalElement, compareElements, fieldElement } from './path-element.ts';

export interface FieldSet {
  readonly [pathElement: string]: FieldSet;
}

/** Marks the node it stands in as a path of the set. */
const SELF = '.';

/** A path with nothing below it. */
export const LEAF: FieldSet = Object.freeze({});

export const emptyFieldSet: FieldSet = LEAF;

/** Deeper than any schema; what a client sends is refused beyond it. */
const DEPTH_MAX = 100;

export function isEmptyFieldSet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether a node, not the root, is a path of the set. */
function isMember(node: FieldSet): boolean {
  return SELF in node || isEmptyFieldSet(node);
}

/** A node from what lies below it, in any order; undefined when it holds no path. */
export function nodeOf(isSelf: boolean, children: readonly (readonly [element: string, node: FieldSet])[]): FieldSet | undefined {
  if (children.length === 0) return isSelf ? LEAF : undefined;
  const node: Record<string, FieldSet> = isSelf ? { [SELF]: LEAF } : {};
  const sorted = children.length === 1 ? children : children.toSorted(([left], [right]) => compareElements(left, right));
  for (const [element, child] of sorted) node[element] = child;
  return node;
}

/** A node of which all members of an object are part, itself in the set. What `nodeOf` would make of them, for the many paths of a new object. */
export function fieldNode(object: JsonObject, nodeOfMember: (name: string, value: Json) => FieldSet): FieldSet {
  const names = Object.keys(object).sort();
  if (names.length === 0) return LEAF;
  const node: Record<string, FieldSet> = { [SELF]: LEAF };
  for (const name of names) {
    const value = object[name];
    if (value !== undefined) node[fieldElement(name)] = nodeOfMember(name, value);
  }
  return node;
}

/** The same node, itself in the set. */
export function withSelf(node: FieldSet | undefined): FieldSet {
  return node === undefined ? LEAF : isMember(node) ? node : { [SELF]: LEAF, ...node };
}

/** `fieldSetOf(['f:spec', 'f:replicas'], ['f:spec'])`: a set from its paths. */
export function fieldSetOf(...paths: readonly (readonly string[])[]): FieldSet {
  const setOf = (path: readonly string[]): FieldSet => path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), LEAF);
  return paths.map(setOf).reduce(union, emptyFieldSet);
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptyFieldSet(right)) return left;
  return isEmptyFieldSet(left) ? right : unionNodes(left, right);
}

/** What is in `left` and not in `right`. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmptyFieldSet(left) || isEmptyFieldSet(right)) return left;
  return differenceNodes(left, right) ?? emptyFieldSet;
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmptyFieldSet(left) || isEmptyFieldSet(right)) return emptyFieldSet;
  return intersectionNodes(left, right) ?? emptyFieldSet;
}

/** Whether both hold the same paths. */
export function fieldSetEquals(left: FieldSet, right: FieldSet): boolean {
  return isEmptyFieldSet(left) || isEmptyFieldSet(right) ? isEmptyFieldSet(left) === isEmptyFieldSet(right) : nodeEquals(left, right);
}

/** Every path of the set, each as its elements, parents before what lies below them. */
export function pathsOf(set: FieldSet): readonly (readonly string[])[] {
  return isEmptyFieldSet(set) ? [] : [...pathsBelow(set, [])];
}

/** Paths that have no path of the set below them. */
export function leavesOf(set: FieldSet): FieldSet {
  return isEmptyFieldSet(set) ? set : (leafNode(set) ?? emptyFieldSet);
}

/**
 * Takes what a client wrote as `fieldsV1`; gives the canonical set, or undefined when it is none. Elements of kinds nobody knows are left out, as
 * upstream does it, so that a newer server's sets can still be read.
 */
export function parseFieldSet(value: unknown): FieldSet | undefined {
  if (value === undefined || value === null) return emptyFieldSet;
  if (!isJsonObject(value)) return undefined;
  const parsed = parseNode(value, true, 0);
  return parsed === 'malformed' ? undefined : (parsed ?? emptyFieldSet);
}

/** Takes a `fieldsV1` that this server stored itself; anything else must go through `parseFieldSet`. */
export function isStoredFieldSet(value: unknown): value is FieldSet {
  return isJsonObject(value);
}

function childrenOf(node: FieldSet): readonly string[] {
  return Object.keys(node).filter((element) => element !== SELF);
}

function childOf(node: FieldSet, element: string): FieldSet | undefined {
  return Object.hasOwn(node, element) ? node[element] : undefined;
}

function unionNodes(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right) return left;
  const isSelf = isMember(left) || isMember(right);
  let isChanged = isSelf && !isMember(left);
  const children = new Map<string, FieldSet>();
  for (const element of childrenOf(left)) children.set(element, left[element] ?? LEAF);
  for (const element of childrenOf(right)) {
    const mine = children.get(element);
    const both = mine === undefined ? (right[element] ?? LEAF) : unionNodes(mine, right[element] ?? LEAF);
    if (both === mine) continue;
    isChanged = true;
    children.set(element, both);
  }
  return isChanged ? (nodeOf(isSelf, [...children]) ?? LEAF) : left;
}

function differenceNodes(left: FieldSet, right: FieldSet): FieldSet | undefined {
  const isSelf = isMember(left) && !isMember(right);
  let isChanged = isSelf !== isMember(left);
  const children: [string, FieldSet][] = [];
  for (const element of childrenOf(left)) {
    const mine = left[element] ?? LEAF;
    const theirs = childOf(right, element);
    const rest = theirs === undefined ? mine : differenceNodes(mine, theirs);
    if (rest !== mine) isChanged = true;
    if (rest !== undefined) children.push([element, rest]);
  }
  return isChanged ? nodeOf(isSelf, children) : left;
}

function intersectionNodes(left: FieldSet, right: FieldSet): FieldSet | undefined {
  const isSelf = isMember(left) && isMember(right);
  const children = childrenOf(left).flatMap((element): [string, FieldSet][] => {
    const theirs = childOf(right, element);
    const both = theirs === undefined ? undefined : intersectionNodes(left[element] ?? LEAF, theirs);
    return both === undefined ? [] : [[element, both]];
  });
  return nodeOf(isSelf, children);
}

function nodeEquals(left: FieldSet, right: FieldSet): boolean {
  if (left === right) return true;
  const elements = childrenOf(left);
  if (isMember(left) !== isMember(right) || elements.length !== childrenOf(right).length) return false;
  return elements.every((element) => {
    const theirs = childOf(right, element);
    return theirs !== undefined && nodeEquals(left[element] ?? LEAF, theirs);
  });
}

function* pathsBelow(node: FieldSet, path: readonly string[]): Generator<readonly string[]> {
  if (path.length > 0 && isMember(node)) yield path;
  for (const element of childrenOf(node)) yield* pathsBelow(node[element] ?? LEAF, [...path, element]);
}

function leafNode(node: FieldSet): FieldSet | undefined {
  const elements = childrenOf(node);
  if (elements.length === 0) return LEAF;
  return nodeOf(
    false,
    elements.flatMap((element): [string, FieldSet][] => {
      const leaf = leafNode(node[element] ?? LEAF);
      return leaf === undefined ? [] : [[element, leaf]];
    }),
  );
}

function parseNode(value: object, isRoot: boolean, depth: number): FieldSet | undefined | 'malformed' {
  if (depth > DEPTH_MAX) return 'malformed';
  const children = new Map<string, FieldSet>();
  let isSelf = !isRoot && Object.keys(value).length === 0;
  for (const [key, inner] of Object.entries(value)) {
    if (!isJsonObject(inner)) return 'malformed';
    if (key === SELF) {
      isSelf = !isRoot;
      continue;
    }
    const element = canonicalElement(key);
    if (element === 'malformed') return 'malformed';
    if (element === 'unknown') continue;
    const child = parseNode(inner, false, depth + 1);
    if (child === 'malformed') return 'malformed';
    if (child === undefined) continue;
    const known = children.get(element);
    children.set(element, known === undefined ? child : unionNodes(known, child));
  }
  return nodeOf(isSelf, [...children]);
}
