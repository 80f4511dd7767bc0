/**
 * Whether the OpenAPI v3 schema of a custom resource definition is one that can be served: nothing in it that OpenAPI here does not have, and structural,
 * so that pruning and defaulting know what every value is. All problems at once, in upstream's words. Pure.
 * Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation and pkg/apiserver/schema/validation.go.
 */
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-path.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEquals, memberOf } from '../meta/json.ts';
import type { FieldProblem } from '../meta/status.ts';
import { patternProblem } from './pattern.ts';
import { pruneValue } from './prune.ts';
import { isSet, membersAt, objectsAt, parseSchema, textAt } from './schema.ts';
import { listProblems } from './validate-list-type.ts';
import { ruleProblems } from './validate-rules.ts';
import { validateValue } from './validate-value.ts';

/** Nobody reads more, and a schema wrong everywhere must not make an answer larger than itself. */
const PROBLEMS_MAX = 256;

/** Takes `openAPIV3Schema`. Structure is looked at once the rest is right, as what is not OpenAPI cannot be structural. */
export function validateSchema(source: JsonObject, path: string): readonly FieldProblem[] {
  const problems = openApiProblems(source, path, true);
  if (problems.length > 0) return problems.slice(0, PROBLEMS_MAX);
  const structural = [...invariantProblems(source, 'root', path), ...completenessProblems(source, path)];
  if (structural.length > 0) return structural.slice(0, PROBLEMS_MAX);
  return defaultProblems(source, path).slice(0, PROBLEMS_MAX);
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

/** Every schema within this one, with its path. Tuples of items are no schema here. */
function childrenOf(node: JsonObject, path: string): readonly (readonly [JsonObject, string])[] {
  const single = ['additionalProperties', 'items', 'not'].flatMap((name): [JsonObject, string][] => {
    const inner = memberOf(node, name);
    return isJsonObject(inner) ? [[inner, `${path}.${name}`]] : [];
  });
  const named = membersAt(node, 'properties').map(([name, inner]) => [inner, `${path}.properties[${name}]`] as const);
  const listed = ['allOf', 'anyOf', 'oneOf'].flatMap((name) =>
    objectsAt(node, name).map((inner, index) => [inner, `${path}.${name}[${index}]`] as const),
  );
  return [...single, ...named, ...listed];
}

/** `uncorrelatable` is the list around it whose items are not known from one state of an object to the next. */
function openApiProblems(node: JsonObject, path: string, isRoot: boolean, uncorrelatable?: string): readonly FieldProblem[] {
  const isLoose = textAt(node, 'type') === 'array' && textAt(node, 'x-kubernetes-list-type') !== 'map';
  return [
    ...nodeProblems(node, path),
    ...extensionProblems(node, path),
    ...listProblems(node, path),
    ...ruleProblems(node, path, uncorrelatable, isRoot),
    ...childrenOf(node, path).flatMap(([inner, innerPath]) => {
      const isItem = innerPath === `${path}.items`;
      return openApiProblems(inner, innerPath, false, uncorrelatable ?? (isLoose && isItem ? path : undefined));
    }),
  ];
}

function nodeProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const type = textAt(node, 'type');
  const additional = memberOf(node, 'additionalProperties');
  const problems: FieldProblem[] = UNSUPPORTED.filter((name) => isPresent(memberOf(node, name))).map((name) =>
    forbiddenField(`${path}.${name}`, `${name} is not supported`),
  );
  if (isSet(node, 'uniqueItems')) {
    problems.push(
      forbiddenField(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'),
    );
  }
  if (additional !== undefined && additional !== true && membersAt(node, 'properties').length > 0) {
    problems.push(forbiddenField(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  } else if (additional === false) {
    problems.push(forbiddenField(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  }
  if (type === 'null') problems.push(forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  else if (type !== '' && !TYPES.includes(type)) problems.push(notSupported(`${path}.type`, type, TYPES));
  if (isJsonArray(memberOf(node, 'items'))) {
    problems.push(forbiddenField(`${path}.items`, 'items must be a schema object and not an array'));
  }
  const pattern = patternProblem(textAt(node, 'pattern'));
  if (pattern !== undefined) {
    const detail = `must be a valid regular expression, but isn't: ${pattern}`;
    problems.push(invalidValue(`${path}.pattern`, textAt(node, 'pattern'), detail));
  }
  return problems;
}

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== '' && value !== false && !(isJsonObject(value) && Object.keys(value).length === 0);
}

function extensionProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const mapType = textAt(node, 'x-kubernetes-map-type');
  const preserve = memberOf(node, 'x-kubernetes-preserve-unknown-fields');
  const problems: FieldProblem[] = [];
  if (preserve === false) {
    problems.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  if (mapType === '') return problems;
  const type = textAt(node, 'type');
  const detail = 'must be object if x-kubernetes-map-type is specified';
  if (type === '') problems.push(required(`${path}.type`, detail));
  else if (type !== 'object') problems.push(invalidValue(`${path}.type`, type, detail));
  if (mapType !== 'atomic' && mapType !== 'granular') {
    problems.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
  return problems;
}

type Level = 'root' | 'item' | 'field';

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

const INT_OR_STRING: Json = [{ type: 'integer' }, { type: 'string' }];

/** What makes a schema structural, at every place that holds values. */
function invariantProblems(node: JsonObject, level: Level, path: string): readonly FieldProblem[] {
  const items = memberOf(node, 'items');
  const additional = memberOf(node, 'additionalProperties');
  const problems: FieldProblem[] = [];
  if (textAt(node, 'type') === 'array' && items === undefined) problems.push(required(`${path}.items`, 'must be specified'));
  if (isJsonObject(items)) problems.push(...invariantProblems(items, 'item', `${path}.items`));
  for (const [name, inner] of membersAt(node, 'properties')) {
    problems.push(...invariantProblems(inner, 'field', `${path}.properties[${name}]`));
  }
  if (additional !== undefined && level === 'root') {
    problems.push(forbiddenField(`${path}.additionalProperties`, 'must not be used at the root'));
  }
  if (isJsonObject(additional)) problems.push(...invariantProblems(additional, 'field', `${path}.additionalProperties`));
  return [...problems, ...kubernetesTypeProblems(node, level, path), ...metadataProblems(node, level, path), ...junctors(node, path)];
}

function kubernetesTypeProblems(node: JsonObject, level: Level, path: string): readonly FieldProblem[] {
  const type = textAt(node, 'type');
  const isEmbedded = isSet(node, 'x-kubernetes-embedded-resource');
  const isIntOrString = isSet(node, 'x-kubernetes-int-or-string');
  const isPreserving = isSet(node, 'x-kubernetes-preserve-unknown-fields');
  const problems: FieldProblem[] = [];
  if (isIntOrString && isPreserving) {
    const detail = 'must be false if x-kubernetes-int-or-string is true';
    problems.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, true, detail));
  }
  if (isIntOrString && isEmbedded) {
    problems.push(invalidValue(`${path}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true'));
  }
  const embeddedType = 'must be object if x-kubernetes-embedded-resource is true';
  if (isEmbedded && type !== 'object') {
    problems.push(type === '' ? required(`${path}.type`, embeddedType) : invalidValue(`${path}.type`, type, embeddedType));
  } else if (type === '' && !isIntOrString && !isPreserving) problems.push(required(`${path}.type`, EMPTY_TYPE[level]));
  else if (level === 'root' && type !== '' && type !== 'object')
    problems.push(invalidValue(`${path}.type`, type, 'must be object at the root'));
  if (isEmbedded && memberOf(node, 'additionalProperties') !== undefined) {
    problems.push(forbiddenField(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'));
  }
  if (isEmbedded && !isPreserving && membersAt(node, 'properties').length === 0) {
    const detail = 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    problems.push(required(`${path}.properties`, detail));
  }
  return problems;
}

/** What every resource has is known already; its schema may restrict names and nothing else. */
function metadataProblems(node: JsonObject, level: Level, path: string): readonly FieldProblem[] {
  if (level !== 'root' && !isSet(node, 'x-kubernetes-embedded-resource')) return [];
  const properties = new Map(membersAt(node, 'properties'));
  const problems = ['kind', 'apiVersion'].flatMap((name) => {
    const type = textAt(properties.get(name) ?? { type: 'string' }, 'type');
    return type === 'string' ? [] : [invalidValue(`${path}.properties[${name}].type`, type, 'must be string')];
  });
  const metadata = properties.get('metadata');
  if (metadata === undefined) return problems;
  const metadataPath = `${path}.properties[metadata]`;
  const type = textAt(metadata, 'type');
  if (type !== 'object') problems.push(invalidValue(`${metadataPath}.type`, type, 'must be object'));
  const isAllowed = (name: string) => name === 'type' || name === 'properties' || name === 'description';
  const isOnlyNames = membersAt(metadata, 'properties').every(([name]) => name === 'name' || name === 'generateName');
  if (level === 'root' && !(isOnlyNames && Object.keys(metadata).every(isAllowed))) {
    const detail = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    problems.push(forbiddenField(metadataPath, detail));
  }
  return problems;
}

/** What stands under `allOf`, `anyOf`, `oneOf` and `not`, except the two ways of saying "integer or string". */
function junctors(node: JsonObject, path: string): readonly FieldProblem[] {
  const isIntOrString = isSet(node, 'x-kubernetes-int-or-string');
  const not = memberOf(node, 'not');
  return [
    ...(isIntOrString && jsonEquals(memberOf(node, 'anyOf'), INT_OR_STRING) ? [] : nestedIn(node, 'anyOf', path)),
    ...objectsAt(node, 'allOf').flatMap((inner, index) => {
      const isPattern = isIntOrString && index === 0 && jsonEquals(memberOf(inner, 'anyOf'), INT_OR_STRING);
      const { anyOf: _, ...rest } = inner;
      return nestedProblems(isPattern ? rest : inner, `${path}.allOf[${index}]`);
    }),
    ...nestedIn(node, 'oneOf', path),
    ...(isJsonObject(not) ? nestedProblems(not, `${path}.not`) : []),
  ];
}

function nestedIn(node: JsonObject, name: string, path: string): readonly FieldProblem[] {
  return objectsAt(node, name).flatMap((inner, index) => nestedProblems(inner, `${path}.${name}[${index}]`));
}

/** Members that say what a value is, with upstream's words for their absence: they belong outside of junctors. */
const STRUCTURAL_MEMBERS: readonly (readonly [string, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['externalDocs', 'must be undefined to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function nestedProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const items = memberOf(node, 'items');
  const properties = membersAt(node, 'properties');
  return [
    ...junctors(node, path),
    ...(isJsonObject(items) ? nestedProblems(items, `${path}.items`) : []),
    ...properties.flatMap(([name, inner]) => nestedProblems(inner, `${path}.properties[${name}]`)),
    ...STRUCTURAL_MEMBERS.filter(([name]) => isPresent(memberOf(node, name))).map(([name, why]) => forbiddenField(`${path}.${name}`, why)),
    ...(properties.some(([name]) => name === 'metadata')
      ? [forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context')]
      : []),
  ];
}

/** What a junctor speaks of must be there outside of it too. */
function completenessProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const items = memberOf(node, 'items');
  const additional = memberOf(node, 'additionalProperties');
  return [
    ...junctorNodes(node, path).flatMap(([inner, innerPath]) => nestedCompleteness(inner, node, path, innerPath)),
    ...(isJsonObject(items) ? completenessProblems(items, `${path}.items`) : []),
    ...(isJsonObject(additional) ? completenessProblems(additional, `${path}.additionalProperties`) : []),
    ...membersAt(node, 'properties').flatMap(([name, inner]) => completenessProblems(inner, `${path}.properties[${name}]`)),
  ];
}

function junctorNodes(node: JsonObject, path: string): readonly (readonly [JsonObject, string])[] {
  return childrenOf(node, path).filter(([, inner]) => /^\.(allOf|anyOf|oneOf|not)/.test(inner.slice(path.length)));
}

function nestedCompleteness(nested: JsonObject, node: JsonObject | undefined, path: string, nestedPath: string): readonly FieldProblem[] {
  if (node === undefined) return [required(path, `because it is defined in ${nestedPath}`)];
  const items = memberOf(nested, 'items');
  const nodeItems = memberOf(node, 'items');
  const properties = new Map(membersAt(node, 'properties'));
  return [
    ...junctorNodes(nested, nestedPath).flatMap(([inner, innerPath]) => nestedCompleteness(inner, node, path, innerPath)),
    ...(isJsonObject(items)
      ? nestedCompleteness(items, isJsonObject(nodeItems) ? nodeItems : undefined, `${path}.items`, `${nestedPath}.items`)
      : []),
    ...membersAt(nested, 'properties').flatMap(([name, inner]) =>
      nestedCompleteness(inner, properties.get(name), `${path}.properties[${name}]`, `${nestedPath}.properties[${name}]`),
    ),
  ];
}

/** A default must be what an object could have said itself. */
function defaultProblems(node: JsonObject, path: string): readonly FieldProblem[] {
  const value = memberOf(node, 'default');
  const own = value === undefined ? [] : oneDefault(node, value, `${path}.default`);
  return [...own, ...childrenOf(node, path).flatMap(([inner, innerPath]) => defaultProblems(inner, innerPath))];
}

function oneDefault(node: JsonObject, value: Json, path: string): readonly FieldProblem[] {
  const schema = parseSchema(node);
  if (pruneValue(schema, value).unknownFields.length > 0) return [invalidValue(path, value, 'must not have unknown fields')];
  return validateValue(schema, value, path);
}
