/** YAML as a value, within the limits of bodies, and its repeated keys. Used where YAML is short, and by the thread that reads long YAML. */
import { type Document, isScalar, parseDocument, type Scalar, visit } from 'yaml';
import { excessOfValue } from './body-limits.ts';
import { DUPLICATES_REPORTED_MAX, type DuplicateKey, lineOf } from './find-duplicate-keys.ts';

/** Anchors can make a short text huge; each may be repeated this often in total, which no manifest written by hand reaches. */
const YAML_ALIASES_MAX = 1_000;

/** Throws an Error that says what is wrong. */
export function readYaml(text: string): { readonly value: unknown; readonly duplicates: readonly DuplicateKey[] } {
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw error;
  const value: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
  const excess = excessOfValue(value);
  if (excess !== undefined) throw new Error(excess);
  return { value: value ?? {}, duplicates: findRepeatedKeys(document, text) };
}

/** The library's own search compares each key of a map with all before it, which a large map would stall the server with. */
function findRepeatedKeys(document: Document, text: string): readonly DuplicateKey[] {
  const duplicates: DuplicateKey[] = [];
  const lookAt = (keys: readonly Scalar[]): void => {
    const seen = new Set<string>();
    for (const { value, range } of keys) {
      const key = String(value);
      if (seen.has(key) && duplicates.length < DUPLICATES_REPORTED_MAX)
        duplicates.push({ path: undefined, key, line: lineOf(text, range?.[0] ?? 0) });
      seen.add(key);
    }
  };
  visit(document, { Map: (_key, map) => lookAt(map.items.map(({ key }) => key).filter((key) => isScalar(key))) });
  return duplicates;
}
