/**
 * What a schema may say of its lists and the keys of their items. Part of `validate-schema.ts`, in upstream's words.
 * Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation.
 */
import { invalidValue, notSupported, required } from '../meta/field-path.ts';
import { isJsonArray, isJsonObject, type JsonObject, memberOf } from '../meta/json.ts';
import type { FieldProblem } from '../meta/status.ts';
import { membersAt, textAt, textsAt } from './schema.ts';

export function listProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const type = textAt(node, 'type');
  const listType = textAt(node, 'x-kubernetes-list-type');
  const keys = textsAt(node, 'x-kubernetes-list-map-keys');
  const typePath = `${path}.x-kubernetes-list-type`;
  const problems: FieldProblem[] = [];
  if (listType !== '' && type !== 'array') {
    const detail = 'must be array if x-kubernetes-list-type is specified';
    problems.push(type === '' ? required(`${path}.type`, detail) : invalidValue(`${path}.type`, type, detail));
  }
  if (listType !== '' && !['atomic', 'set', 'map'].includes(listType)) {
    problems.push(notSupported(typePath, listType, ['atomic', 'set', 'map']));
  }
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    problems.push(listType === '' ? required(typePath, detail) : invalidValue(typePath, listType, detail));
  }
  if (listType === 'map') problems.push(...mapListProblems(node, keys, path));
  if (listType === 'set') problems.push(...setProblems(node, path));
  return problems;
}

function mapListProblems(node: JsonObject, keys: readonly string[], path: string): readonly FieldProblem[] {
  const items = memberOf(node, 'items');
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  const problems: FieldProblem[] = [];
  if (keys.length === 0) problems.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined) problems.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  if (isJsonArray(items))
    problems.push(invalidValue(`${path}.items`, '', 'must only have a single schema if x-kubernetes-list-type is map'));
  if (!isJsonObject(items)) return problems;
  const type = textAt(items, 'type');
  if (type !== 'object') {
    problems.push(invalidValue(`${path}.items.type`, type, "must be object if parent array's x-kubernetes-list-type is map"));
  }
  const properties = new Map(membersAt(items, 'properties'));
  for (const [index, key] of keys.entries()) {
    const property = properties.get(key);
    if (property === undefined) problems.push(invalidValue(keysPath, keys, 'entries must all be names of item properties'));
    else problems.push(...keyProblems(items, key, property, `${path}.items`));
    if (keys.indexOf(key) < index) problems.push(invalidValue(`${keysPath}[${index}]`, key, 'must not contain duplicate entries'));
  }
  return problems;
}

function keyProblems(items: JsonObject, key: string, property: JsonObject, path: string): readonly FieldProblem[] {
  const type = textAt(property, 'type');
  const propertyPath = `${path}.properties[${key}]`;
  const problems: FieldProblem[] = [];
  if (type === 'array' || type === 'object') {
    problems.push(invalidValue(`${propertyPath}.type`, type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
  }
  if (!textsAt(items, 'required').includes(key) && memberOf(property, 'default') === undefined) {
    const detail = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    problems.push(required(`${propertyPath}.default`, detail));
  }
  return problems;
}

/** Members of a set are compared as wholes. */
function setProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const items = memberOf(node, 'items');
  if (!isJsonObject(items)) return [];
  const type = textAt(items, 'type');
  const mapType = textAt(items, 'x-kubernetes-map-type');
  const listType = textAt(items, 'x-kubernetes-list-type');
  const isGranularMap = type === 'object' && mapType !== 'atomic';
  const isGranularList = type === 'array' && listType !== 'atomic' && listType !== '';
  if (isGranularMap) {
    const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    return [invalidValue(`${path}.items.x-kubernetes-map-type`, mapType === '' ? null : mapType, detail)];
  }
  if (!isGranularList) return [];
  return [
    invalidValue(`${path}.items.x-kubernetes-list-type`, listType, 'must be atomic as item of a list with x-kubernetes-list-type=set'),
  ];
}
