/**
 * The border between JSON and objects of a custom resource: metadata is read as every kind's is, the rest is pruned along the schema. What embedded
 * resources say about themselves is read in the same way. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/objectmeta.
 */
import { type Decoded, decodeObject, decodePart } from '#api/decode.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';
import { type ApiObject, apiVersionOf, type ResourceType } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { pruneResource } from '#api/structural-schema/prune.ts';
import type { Schema } from '#api/structural-schema/schema.ts';
import { isApiObject } from '../encoding/json-value.ts';

/** Throws BadRequest when the metadata is not what metadata is. */
export function decodeCustomObject(schema: Schema, type: ResourceType<ApiObject>, value: JsonObject): Decoded<ApiObject> {
  const unknownFields: string[] = [];
  const metadata = decodeMetadata(value.metadata ?? {}, 'metadata', type, unknownFields);
  const pruned = pruneResource(schema, { ...value, metadata });
  const object = decodeEmbedded(schema, pruned.value, '', type, unknownFields);
  if (!isApiObject(object)) throw new ApiError('BadRequest', `${type.kind} must have apiVersion, kind and metadata`);
  return { object, unknownFields: [...unknownFields, ...pruned.unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`)] };
}

/** A part of an object, as an apply brings it: nothing is filled in. */
export function decodeCustomPart(schema: Schema, { version }: ResourceType<ApiObject>, value: JsonObject): Decoded<JsonObject> {
  const metadata = decodePart({ schema: 'ObjectMeta', version }, value.metadata ?? {});
  const pruned = pruneResource(schema, { ...value, metadata: metadata.object });
  const inMetadata = metadata.unknownFields.map((field) => field.replace('unknown field "', 'unknown field "metadata.'));
  const elsewhere = pruned.unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`);
  return { object: isJsonObject(pruned.value) ? pruned.value : {}, unknownFields: [...inMetadata, ...elsewhere] };
}

function decodeMetadata(value: Json, path: string, type: ResourceType<ApiObject>, unknownFields: string[]): JsonObject {
  try {
    const decoded = decodeObject('ObjectMeta', value);
    const [prefix, dot] = ['unknown field "', '.'];
    unknownFields.push(...decoded.unknownFields.map((field) => field.replace(prefix, `${prefix}${path}${dot}`)));
    return decoded.object;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const why = error.message.replace(/^.*?cannot be handled as a ObjectMeta: /, '');
    const what = `${type.kind} in version ${JSON.stringify(apiVersionOf(type).split('/').at(-1))} cannot be handled as a ${type.kind}`;
    throw new ApiError('BadRequest', `${what}: ${path}: ${why}`, { cause: error });
  }
}

/** Metadata of the resources within. Gives the value itself where there are none. */
function decodeEmbedded(schema: Schema, value: Json, path: string, type: ResourceType<ApiObject>, unknownFields: string[]): Json {
  const visit = (inner: Schema | undefined, item: Json, itemPath: string): Json => {
    if (inner === undefined) return item;
    const visited = decodeEmbedded(inner, item, itemPath, type, unknownFields);
    const metadata = inner.isEmbeddedResource && isJsonObject(visited) ? memberOf(visited, 'metadata') : undefined;
    if (metadata === undefined || !isJsonObject(visited)) return visited;
    return { ...visited, metadata: decodeMetadata(metadata, `${itemPath}.metadata`, type, unknownFields) };
  };
  if (isJsonArray(value)) {
    const items = value.map((item, index) => visit(schema.items, item, `${path}[${index}]`));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isJsonObject(value)) return value;
  const additional = schema.additionalProperties === true ? undefined : schema.additionalProperties;
  const members = Object.entries(value).map(([name, member]): [string, Json] => {
    return [name, visit(schema.properties.get(name) ?? additional, member, path === '' ? name : `${path}.${name}`)];
  });
  return members.some(([name, member]) => member !== value[name]) ? Object.fromEntries(members) : value;
}
