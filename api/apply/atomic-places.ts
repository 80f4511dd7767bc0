/**
 * Where a configuration speaks of what is replaced as a whole: lists, maps and structs without owners of their parts. Who merges a few fields without
 * knowing the rest must not touch them. Source: k8s.io/apiserver, pkg/admission/plugin/policy/mutating/patch/smd.go.
 */
import { isJsonArray, isJsonObject, type Json } from '../meta/json.ts';
import { type MergeType, memberType, resolveType } from './merge-type.ts';

/** Pure. Gives paths such as `.spec.selector`. */
export function atomicPlaces(declared: MergeType, value: Json, path = ''): readonly string[] {
  const type = resolveType(declared, value);
  if (isJsonArray(value)) {
    if (type.kind !== 'list') return [path];
    return value.flatMap((item, index) => atomicPlaces(type.item, item, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return [];
  if (type.kind !== 'struct' && type.kind !== 'map') return [path];
  return Object.entries(value).flatMap(([name, member]) => atomicPlaces(memberType(type, name), member, `${path}.${name}`));
}
