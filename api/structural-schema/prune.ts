/**
 * Pruning: an object of a custom resource keeps the members its schema names and loses the others, whose paths are told so that a request can warn of
 * them or refuse. What every resource has (`apiVersion`, `kind`, `metadata`) is left alone; metadata is somebody else's to read. Pure; what loses
 * nothing is given back as it is. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/pruning.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { META_FIELDS, type Schema } from './schema.ts';

export interface Pruned<T extends Json> {
  readonly value: T;
  /** `spec.foo`, in order of appearance. */
  readonly unknownFields: readonly string[];
}

/** A client that sends this many unknown fields needs no more of them named. */
const UNKNOWN_FIELDS_MAX = 100;

/** Takes a whole resource. */
export function pruneResource(schema: Schema, resource: JsonObject): Pruned<JsonObject> {
  const unknownFields: string[] = [];
  const value = pruneMembers(schema, resource, { path: '', isResource: true, unknownFields });
  return { value, unknownFields };
}

/** The same for a part of one, such as a default. */
export function pruneValue(schema: Schema, part: Json): Pruned<Json> {
  const unknownFields: string[] = [];
  return { value: prune(schema, part, { path: '', isResource: schema.isEmbeddedResource, unknownFields }), unknownFields };
}

interface Place {
  readonly path: string;
  /** Whether `apiVersion`, `kind` and `metadata` are at home here. */
  readonly isResource: boolean;
  readonly unknownFields: string[];
}

/** Without a schema nothing is known, so that of an object nothing is left; a list keeps its scalars. */
function prune(schema: Schema | undefined, value: Json, place: Place): Json {
  if (isJsonObject(value)) return pruneMembers(schema, value, place);
  if (!isJsonArray(value)) return value;
  const isKept = schema?.preservesUnknownFields === true && schema.items === undefined;
  if (isKept) return value;
  const pruned = value.map((item, index) => prune(schema?.items, item, placeOf(schema?.items, `${place.path}[${index}]`, place)));
  return pruned.every((item, index) => item === value[index]) ? value : pruned;
}

function pruneMembers(schema: Schema | undefined, object: JsonObject, place: Place): JsonObject {
  let isChanged = false;
  const kept: [string, Json][] = [];
  for (const [name, value] of Object.entries(object)) {
    const path = place.path === '' ? name : `${place.path}.${name}`;
    const pruned = pruneMember(schema, name, value, { ...place, path });
    if (pruned === undefined) {
      if (place.unknownFields.length < UNKNOWN_FIELDS_MAX) place.unknownFields.push(path);
    } else kept.push([name, pruned]);
    isChanged ||= pruned !== value;
  }
  return isChanged ? Object.fromEntries(kept) : object;
}

/** Undefined: nobody knows a member of that name. */
function pruneMember(schema: Schema | undefined, name: string, value: Json, place: Place): Json | undefined {
  if (place.isResource && META_FIELDS.has(name)) return value;
  const property = schema?.properties.get(name);
  if (property !== undefined) return prune(property, value, placeOf(property, place.path, place));
  const additional = schema?.additionalProperties;
  if (additional !== undefined && additional !== true) return prune(additional, value, placeOf(additional, place.path, place));
  if (schema?.preservesUnknownFields === true) return value;
  return additional === true ? prune(undefined, value, placeOf(undefined, place.path, place)) : undefined;
}

function placeOf(schema: Schema | undefined, path: string, { unknownFields }: Place): Place {
  return { path, isResource: schema?.isEmbeddedResource === true, unknownFields };
}
