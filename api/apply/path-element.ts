/**
 * One step of a path in `managedFields`: a field (`f:spec`), a list item by its keys (`k:{"name":"web"}`), by its value (`v:"x"`) or by its index
 * (`i:0`). Here is how they are written, ordered and shown to people. Source: sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go and element.go.
 */
import { isJsonArray, isJsonObject, type Json } from '../meta/json.ts';

export function fieldElement(name: string): string {
  return `f:${name}`;
}

/** The values of a list item's keys, in the order of their names. */
export function keyElement(keys: readonly (readonly [name: string, value: Json])[]): string {
  return `k:{${keys.map(([name, value]) => `${JSON.stringify(name)}:${sortedJson(value)}`).join(',')}}`;
}

export function valueElement(value: Json): string {
  return `v:${sortedJson(value)}`;
}

/** A client's element in the one form we compare by. */
export function canonicalElement(text: string): string | 'malformed' | 'unknown' {
  const rest = text.slice(2);
  if (text[1] !== ':') return 'malformed';
  switch (text[0]) {
    case 'f':
      return text;
    case 'i':
      return /^-?\d{1,15}$/.test(rest) ? `i:${Number(rest)}` : 'malformed';
    case 'v': {
      const value = parseJson(rest);
      return isScalar(value) ? valueElement(value) : 'malformed';
    }
    case 'k': {
      const keys = parseJson(rest);
      return isJsonObject(keys) && Object.values(keys).every(isScalar) ? `k:${sortedJson(keys)}` : 'malformed';
    }
    default:
      return 'unknown';
  }
}

const RANKS = 'fkvi';
const HAS_NUMBER = /:-?\d/;

/** The order in which upstream writes the elements of one node: fields, then items by keys, values, indices. */
export function compareElements(left: string, right: string): number {
  const byKind = RANKS.indexOf(left[0] ?? '') - RANKS.indexOf(right[0] ?? '');
  if (byKind !== 0 || left === right) return byKind;
  // Without numbers the order of the texts is the order of the values.
  if (left.startsWith('f:') || (!HAS_NUMBER.test(left) && !HAS_NUMBER.test(right))) return left < right ? -1 : 1;
  return compareValues(parseJson(left.slice(2)) ?? null, parseJson(right.slice(2)) ?? null);
}

/** `.spec.containers[name="web"].image`: a path as messages show it. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join('');
}

function formatElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  const keys = element.startsWith('k:') ? parseJson(rest) : undefined;
  if (!isJsonObject(keys)) return `[${rest}]`;
  const shown = Object.entries(keys).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${shown.join(',')}]`;
}

/** Lists of keys are compared key by key, as name and value; numbers before texts. */
function compareValues(left: Json, right: Json): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (isJsonObject(left) && isJsonObject(right)) return compareKeys(Object.entries(left), Object.entries(right));
  const one = JSON.stringify(left);
  const other = JSON.stringify(right);
  return one === other ? 0 : one < other ? -1 : 1;
}

type Entry = readonly [name: string, value: Json];

function compareKeys(left: readonly Entry[], right: readonly Entry[]): number {
  for (const [index, [name, value]] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (name !== other[0]) return name < other[0] ? -1 : 1;
    const order = compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** JSON with the members of objects in the order of their names: one text for one value. */
export function sortedJson(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${sortedJson(value[name] ?? null)}`);
  return `{${members.join(',')}}`;
}

/** Keys of lists and items of sets are plain values. */
function isScalar(value: Json | undefined): value is string | number | boolean | null {
  return value !== undefined && !isJsonArray(value) && !isJsonObject(value);
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
