/**
 * How the fields of a custom resource are owned and merged by server-side apply: its structural schema as the merge type that `api/apply/` walks.
 * Lists are replaced whole unless the schema says `set` or `map`; metadata is what metadata is everywhere; what the schema leaves open is deduced from
 * the values. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/… and https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
import { mergeTypeOf } from '../apply/built-in-types.ts';
import { deducedType, type ListType, leafType, type MergeType, type StructType } from '../apply/merge-type.ts';
import type { JsonObject } from '../meta/json.ts';
import type { Schema } from './schema.ts';

const identityType: MergeType = leafType;

/** The type of whole objects. */
export function mergeTypeOfResource(schema: Schema): MergeType {
  const own = structOf(schema);
  const field = (name: string): MergeType | undefined => {
    if (name === 'apiVersion' || name === 'kind') return identityType;
    return name === 'metadata' ? mergeTypeOf('ObjectMeta') : own.field(name);
  };
  return { kind: 'struct', field, isAlwaysThere: (name) => name === 'metadata' };
}

function typeOf(schema: Schema): MergeType {
  if (schema.isEmbeddedResource) return mergeTypeOfResource(schema);
  if (schema.isIntOrString) return leafType;
  if (schema.type === 'array') return listOf(schema);
  if (schema.type !== 'object') return schema.preservesUnknownFields ? deducedType : leafType;
  if (schema.mapType === 'atomic') return leafType;
  if (schema.additionalProperties !== undefined) {
    return { kind: 'map', item: schema.additionalProperties === true ? deducedType : typeOf(schema.additionalProperties) };
  }
  return schema.properties.size === 0 && schema.preservesUnknownFields ? deducedType : structOf(schema);
}

/** Made of its members' types when they are asked for, and once. */
function structOf(schema: Schema): StructType {
  const made = new Map<string, MergeType>();
  const unknown = schema.preservesUnknownFields ? deducedType : undefined;
  const field = (name: string): MergeType | undefined => {
    const property = schema.properties.get(name);
    return property === undefined ? unknown : made.getOrInsertComputed(name, () => typeOf(property));
  };
  return { kind: 'struct', field, isAlwaysThere: () => false };
}

function listOf({ listType, listMapKeys, items }: Schema): MergeType {
  const list: Pick<ListType, 'kind'> = { kind: 'list' };
  if (listType === 'set') return { ...list, keys: [], keyDefaults: {}, item: leafType };
  if (listType !== 'map' || items === undefined) return leafType;
  return { ...list, keys: [...listMapKeys].sort(), keyDefaults: keyDefaultsOf(items, listMapKeys), item: typeOf(items) };
}

function keyDefaultsOf({ properties }: Schema, keys: readonly string[]): JsonObject {
  const defaults = keys.map((key) => [key, properties.get(key)?.default] as const);
  return Object.fromEntries(defaults.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}
