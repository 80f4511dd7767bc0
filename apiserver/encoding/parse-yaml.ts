/** YAML as a value, within the limits of bodies. Used where YAML is short, and by the thread that reads long YAML. */
import { parseDocument } from 'yaml';
import { excessOfValue } from './body-limits.ts';

/** Anchors can make a short text huge; each may be repeated this often in total, which no manifest written by hand reaches. */
const YAML_ALIASES_MAX = 1_000;

/** Throws an Error that says what is wrong. */
export function yamlValue(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw error;
  const value: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
  const excess = excessOfValue(value);
  if (excess !== undefined) throw new Error(excess);
  return value ?? {};
}
