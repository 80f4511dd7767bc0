/**
 * A structural schema: what a custom resource definition says its objects look like, read once from OpenAPI v3 into a tree that pruning,
 * defaulting, validation and server-side apply walk. `validate-schema.ts` has accepted it before; what it could not accept is ignored here.
 * Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema (KEP-1152 and KEP-1693).
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '../meta/json.ts';
import { type Pattern, parsePattern } from './pattern.ts';

export interface Schema {
  /** Empty when any type will do. */
  readonly type: string;
  readonly isNullable: boolean;
  readonly isIntOrString: boolean;
  readonly isEmbeddedResource: boolean;
  readonly preservesUnknownFields: boolean;
  readonly default: Json | undefined;
  readonly properties: ReadonlyMap<string, Schema>;
  /** Of members that are not in `properties`; true for any value, undefined when there may be none. */
  readonly additionalProperties: Schema | true | undefined;
  readonly items: Schema | undefined;
  readonly listType: string;
  readonly listMapKeys: readonly string[];
  readonly mapType: string;
  readonly constraints: Constraints;
  readonly rules: readonly Rule[];
}

/** What a value must fulfil besides having the right shape. */
export interface Constraints {
  readonly required: readonly string[];
  readonly enum: readonly Json[] | undefined;
  readonly format: string;
  readonly pattern: Pattern | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly minimum: number | undefined;
  readonly isMinimumExclusive: boolean;
  readonly maximum: number | undefined;
  readonly isMaximumExclusive: boolean;
  readonly multipleOf: number | undefined;
  readonly minItems: number | undefined;
  readonly maxItems: number | undefined;
  readonly minProperties: number | undefined;
  readonly maxProperties: number | undefined;
  readonly allOf: readonly Schema[];
  readonly anyOf: readonly Schema[];
  readonly oneOf: readonly Schema[];
  readonly not: Schema | undefined;
}

/** One of `x-kubernetes-validations`, as written. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression: string;
  readonly reason: string;
  readonly fieldPath: string;
  readonly optionalOldSelf: boolean;
}

/** Members that every resource has, whether its schema names them or not. */
export const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Takes `openAPIV3Schema` or a part of it. */
export function parseSchema(source: JsonObject): Schema {
  const additional = memberOf(source, 'additionalProperties');
  return {
    type: textAt(source, 'type'),
    isNullable: isSet(source, 'nullable'),
    isIntOrString: isSet(source, 'x-kubernetes-int-or-string'),
    isEmbeddedResource: isSet(source, 'x-kubernetes-embedded-resource'),
    preservesUnknownFields: isSet(source, 'x-kubernetes-preserve-unknown-fields'),
    default: memberOf(source, 'default'),
    properties: new Map(membersAt(source, 'properties').map(([name, inner]) => [name, parseSchema(inner)])),
    additionalProperties: isJsonObject(additional) ? parseSchema(additional) : additional === true ? true : undefined,
    items: schemaAt(source, 'items'),
    listType: textAt(source, 'x-kubernetes-list-type'),
    listMapKeys: textsAt(source, 'x-kubernetes-list-map-keys'),
    mapType: textAt(source, 'x-kubernetes-map-type'),
    constraints: parseConstraints(source),
    rules: objectsAt(source, 'x-kubernetes-validations').map(parseRule),
  };
}

function parseConstraints(source: JsonObject): Constraints {
  const allowed = memberOf(source, 'enum');
  const pattern = textAt(source, 'pattern');
  return {
    required: textsAt(source, 'required'),
    enum: isJsonArray(allowed) && allowed.length > 0 ? allowed : undefined,
    format: textAt(source, 'format'),
    pattern: pattern === '' ? undefined : parsePattern(pattern),
    minLength: numberAt(source, 'minLength'),
    maxLength: numberAt(source, 'maxLength'),
    minimum: numberAt(source, 'minimum'),
    isMinimumExclusive: isSet(source, 'exclusiveMinimum'),
    maximum: numberAt(source, 'maximum'),
    isMaximumExclusive: isSet(source, 'exclusiveMaximum'),
    multipleOf: numberAt(source, 'multipleOf'),
    minItems: numberAt(source, 'minItems'),
    maxItems: numberAt(source, 'maxItems'),
    minProperties: numberAt(source, 'minProperties'),
    maxProperties: numberAt(source, 'maxProperties'),
    allOf: objectsAt(source, 'allOf').map(parseSchema),
    anyOf: objectsAt(source, 'anyOf').map(parseSchema),
    oneOf: objectsAt(source, 'oneOf').map(parseSchema),
    not: schemaAt(source, 'not'),
  };
}

function parseRule(source: JsonObject): Rule {
  return {
    rule: textAt(source, 'rule'),
    message: textAt(source, 'message'),
    messageExpression: textAt(source, 'messageExpression'),
    reason: textAt(source, 'reason'),
    fieldPath: textAt(source, 'fieldPath'),
    optionalOldSelf: isSet(source, 'optionalOldSelf'),
  };
}

/** The member's text; empty when it is absent or something else. */
export function textAt(source: JsonObject, name: string): string {
  const value = memberOf(source, name);
  return typeof value === 'string' ? value : '';
}

export function isSet(source: JsonObject, name: string): boolean {
  return memberOf(source, name) === true;
}

export function numberAt(source: JsonObject, name: string): number | undefined {
  const value = memberOf(source, name);
  return typeof value === 'number' ? value : undefined;
}

export function textsAt(source: JsonObject, name: string): readonly string[] {
  const value = memberOf(source, name);
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function objectsAt(source: JsonObject, name: string): readonly JsonObject[] {
  const value = memberOf(source, name);
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}

/** The named objects within a member, as pairs. */
export function membersAt(source: JsonObject, name: string): readonly (readonly [string, JsonObject])[] {
  const value = memberOf(source, name);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1]));
}

function schemaAt(source: JsonObject, name: string): Schema | undefined {
  const value = memberOf(source, name);
  return isJsonObject(value) ? parseSchema(value) : undefined;
}
