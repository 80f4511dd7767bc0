/**
 * Places in a JSON schema that hold a schema or something else: a list of schemas (`items`), yes or no (`additionalProperties`), names (`dependencies`). In protobuf
 * each is a message with both. Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/v1/marshal.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
import type { MessageDescription } from './message-type.ts';
import type { ValueType } from './value-type.ts';
import { createSimpleType, type Simplification } from './well-known.ts';

const SCHEMA = 'JSONSchemaProps';

const orArray: Simplification = {
  numbers: 'schema=1? items=2',
  schema: { schema: SCHEMA, items: `[]${SCHEMA}` },
  simplify: ({ schema, items }) => items ?? schema,
  expand: (value) => (isJsonObject(value) ? { schema: value } : { items: value ?? [] }),
};

const orBool: Simplification = {
  numbers: 'allows=1 schema=2?',
  schema: { allows: 'boolean', schema: SCHEMA },
  simplify: ({ allows = false, schema }) => schema ?? allows,
  expand: (value) => (isJsonObject(value) ? { allows: true, schema: value } : { allows: value ?? false }),
};

const orStrings: Simplification = {
  numbers: 'schema=1? names=2',
  schema: { schema: SCHEMA, names: '[]string' },
  simplify: ({ schema, names }) => names ?? schema,
  expand: (value) => (isJsonObject(value) ? { schema: value } : { names: value ?? [] }),
};

/** By their names in `protobuf-fields.ts`. `getType` finds the type of a schema, which has these in it. */
export function jsonSchemaTypes(getType: MessageDescription['getType']): ReadonlyMap<string, ValueType> {
  return new Map([
    ['JSONSchemaPropsOrArray', createSimpleType(orArray, getType)],
    ['JSONSchemaPropsOrBool', createSimpleType(orBool, getType)],
    ['JSONSchemaPropsOrStringArray', createSimpleType(orStrings, getType)],
  ]);
}
