/**
 * Defaulting by schema: what an object leaves out gets the schema's default, and null where null is not allowed counts as left out. Pure; what needs
 * nothing is given back as it is. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/defaulting.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '../meta/json.ts';
import type { Schema } from './schema.ts';

export function applySchemaDefaults(schema: Schema, value: JsonObject): JsonObject {
  return fillMembers(schema, value);
}

/** Whether defaulting by this schema can ever change an object. */
export function hasDefaults(schema: Schema): boolean {
  if (schema.default !== undefined) return true;
  const additional = schema.additionalProperties;
  const inner = [...schema.properties.values(), ...(schema.items ? [schema.items] : []), ...(isSchema(additional) ? [additional] : [])];
  return inner.some(hasDefaults);
}

function fill(schema: Schema, value: Json): Json {
  if (isJsonObject(value)) return fillMembers(schema, value);
  const { items } = schema;
  if (!isJsonArray(value) || items === undefined) return value;
  const filled = value.map((item) => fill(items, isUnwantedNull(items, item) ? (items.default ?? item) : item));
  return filled.every((item, index) => item === value[index]) ? value : filled;
}

function fillMembers(schema: Schema, object: JsonObject): JsonObject {
  let isChanged = false;
  const members: [string, Json][] = [];
  for (const [name, value] of Object.entries(object)) {
    const inner = memberSchema(schema, name);
    const filled = inner === undefined ? value : fillMember(inner, value);
    if (filled !== undefined) members.push([name, filled]);
    isChanged ||= filled !== value;
  }
  for (const [name, property] of schema.properties) {
    if (property.default === undefined || memberOf(object, name) !== undefined) continue;
    members.push([name, fill(property, property.default)]);
    isChanged = true;
  }
  return isChanged ? Object.fromEntries(members) : object;
}

/** Undefined: a null that may not be there and for which there is no default. */
function fillMember(schema: Schema, value: Json): Json | undefined {
  if (!isUnwantedNull(schema, value)) return fill(schema, value);
  return schema.default === undefined ? undefined : fill(schema, schema.default);
}

function memberSchema(schema: Schema, name: string): Schema | undefined {
  const additional = schema.additionalProperties;
  return schema.properties.get(name) ?? (isSchema(additional) ? additional : undefined);
}

function isUnwantedNull(schema: Schema, value: Json): boolean {
  return value === null && !schema.isNullable;
}

function isSchema(value: Schema | true | undefined): value is Schema {
  return value !== undefined && value !== true;
}
