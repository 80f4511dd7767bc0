/**
 * The schema of a custom resource as an OpenAPI model: as written for v3; for v2, which knows less, with everything taken out that its clients would
 * misunderstand. Source: k8s.io/apiextensions-apiserver, pkg/controller/openapi/builder and v2/conversion.go.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';

interface Reference {
  readonly $ref: string;
}

/** With the parts that every resource has. */
export function customModel(schema: JsonObject, metadata: Reference, dialect: 'v2' | 'v3'): object {
  const model = dialect === 'v2' ? toV2(schema) : schema;
  const properties = isJsonObject(model.properties) ? model.properties : {};
  const isOpen = model.properties === undefined && model['x-kubernetes-preserve-unknown-fields'] === true;
  if (dialect === 'v2' && isOpen) return model;
  const text = { type: 'string' };
  return {
    ...withEmbedded(model, metadata),
    properties: { ...embeddedMembers(properties, metadata), apiVersion: text, kind: text, metadata },
  };
}

/** Resources within the resource have the same parts. */
function withEmbedded(schema: JsonObject, metadata: Reference): object {
  const properties = memberOf(schema, 'properties');
  const items = memberOf(schema, 'items');
  const additional = memberOf(schema, 'additionalProperties');
  const isEmbedded = memberOf(schema, 'x-kubernetes-embedded-resource') === true;
  const text = { type: 'string' };
  const inner = isJsonObject(properties) || isEmbedded ? embeddedMembers(isJsonObject(properties) ? properties : {}, metadata) : undefined;
  return {
    ...schema,
    ...(inner === undefined ? {} : { properties: isEmbedded ? { ...inner, apiVersion: text, kind: text, metadata } : inner }),
    ...(isJsonObject(items) ? { items: withEmbedded(items, metadata) } : {}),
    ...(isJsonObject(additional) ? { additionalProperties: withEmbedded(additional, metadata) } : {}),
  };
}

function embeddedMembers(properties: JsonObject, metadata: Reference): object {
  return Object.fromEntries(
    Object.entries(properties).map(([name, inner]) => [name, isJsonObject(inner) ? withEmbedded(inner, metadata) : inner]),
  );
}

/** What v2 has no words for. */
const DROPPED: ReadonlySet<string> = new Set(['oneOf', 'anyOf', 'allOf', 'not', 'nullable', 'default']);
const SHAPE: ReadonlySet<string> = new Set(['type', 'properties', 'items', 'additionalProperties', 'required']);

function toV2(schema: JsonObject): JsonObject {
  const isShapeless = schema.nullable === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true;
  const entries = Object.entries(schema).filter(
    ([name]) =>
      !DROPPED.has(name) &&
      !(isShapeless && SHAPE.has(name) && !(name === 'type' && schema.nullable !== true)) &&
      !(isIntOrString && name === 'type'),
  );
  return Object.fromEntries(entries.map(([name, value]): [string, Json] => [name, innerV2(name, value)]));
}

function innerV2(name: string, value: Json): Json {
  if (name === 'properties' && isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]): [string, Json] => [key, isJsonObject(inner) ? toV2(inner) : inner]),
    );
  }
  const isSchema = (name === 'items' || name === 'additionalProperties') && isJsonObject(value) && !isJsonArray(value);
  return isSchema ? toV2(value) : value;
}
