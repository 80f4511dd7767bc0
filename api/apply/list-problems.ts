/**
 * What keeps a configuration from being applied: items of a list that cannot be told apart. Looked for in what a client applies only; stored objects may have
 * such lists from other writers. Source: sigs.k8s.io/structured-merge-diff, typed/validate.go and typed/helpers.go, whose words these are.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { itemElement, type ListType, type MergeType, memberType, resolveType } from './merge-type.ts';
import { fieldElement, formatPath } from './path-element.ts';

/** `.spec.containers: duplicate entries for key [name="web"]`; none for a configuration that can be applied. */
export function listProblems(type: MergeType, configuration: JsonObject): readonly string[] {
  return problemsIn(type, configuration, []);
}

function problemsIn(declared: MergeType, value: Json, path: readonly string[]): readonly string[] {
  const type = resolveType(declared, value);
  if (type.kind === 'list') return isJsonArray(value) ? listProblemsAt(type, value, path) : [];
  if (type.kind === 'leaf' || !isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => problemsIn(memberType(type, name), inner, [...path, fieldElement(name)]));
}

function listProblemsAt(type: ListType, items: readonly Json[], path: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const element = itemElement(type, item);
    if (element === undefined) return [`${formatPath(path)}: element ${index}: ${whyNoElement(type, item)}`];
    if (seen.has(element)) return [`${formatPath(path)}: duplicate entries for key ${formatPath([element])}`];
    seen.add(element);
    return problemsIn(type.item, item, [...path, element]);
  });
}

function whyNoElement({ keys }: ListType, item: Json): string {
  if (keys.length === 0)
    return item === null ? "associative list without keys has an element that's explicitly null" : 'set items must be plain values';
  if (!isJsonObject(item)) return 'associative list with keys may not have non-map elements';
  const names = keys.map((key) => JSON.stringify(key)).join(' ');
  return `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`;
}
