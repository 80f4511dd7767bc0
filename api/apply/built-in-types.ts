/**
 * The merge types of the built-in kinds, made of `generated/schemas.ts` and the facts in `list-types.ts`. Each model is made once, when it is first met, and
 * kept: there are a few hundred. Called by the pipeline, with a kind's schema name, wherever field ownership is worked out.
 */
import { schemas } from '../generated/schemas.ts';
import type { Json } from '../meta/json.ts';
import { isAtomicField, isAtomicModel, isByValue, keyDefault, listKind } from './list-types.ts';
import { deducedType, leafType, type MergeType, type StructType } from './merge-type.ts';

const structs = new Map<string, StructType>();

/** The type of a kind by its model's name; deduced from the values for a kind that has no generated schema. */
export function mergeTypeOf(schemaName: string): MergeType {
  return modelNamed(schemaName) === undefined ? deducedType : structOf(schemaName);
}

function modelNamed(name: string): Readonly<Record<string, string>> | undefined {
  return Object.hasOwn(schemas, name) ? schemas[name] : undefined;
}

function structOf(model: string): StructType {
  const known = structs.get(model);
  if (known !== undefined) return known;
  const texts = modelNamed(model) ?? {};
  const fields = new Map<string, MergeType>();
  const struct: StructType = {
    kind: 'struct',
    field: (name) => {
      const made = fields.get(name);
      if (made !== undefined || !Object.hasOwn(texts, name)) return made;
      const type = fieldType(model, name, texts[name] ?? 'any');
      fields.set(name, type);
      return type;
    },
    isAlwaysThere: alwaysThere(model, texts),
  };
  structs.set(model, struct);
  return struct;
}

/** Structs by value, and required lists and maps, which upstream's objects hold as null when they are empty. */
function alwaysThere(model: string, texts: Readonly<Record<string, string>>): (name: string) => boolean {
  const isKind = ['apiVersion', 'kind', 'metadata'].every((name) => Object.hasOwn(texts, name));
  const names = Object.entries(texts).filter(([name, text]) => {
    const isPartOfKind = isKind && (name === 'metadata' || name === 'spec' || name === 'status');
    return isPartOfKind || isByValue(model, name) || (text.endsWith('!') && /^(\[\]|\{\})/.test(text));
  });
  const found = new Set(names.map(([name]) => name));
  return (name) => found.has(name);
}

function fieldType(model: string, field: string, text: string): MergeType {
  const name = text.replace(/!$/, '');
  if (name.startsWith('[]')) return listType(model, field, name.slice(2));
  if (name.startsWith('{}')) return isAtomicField(model, field, undefined) ? leafType : { kind: 'map', item: valueType(name.slice(2)) };
  if (modelNamed(name) === undefined) return valueType(name);
  return isAtomicField(model, field, name) ? leafType : structOf(name);
}

/** What a list's or map's item is: no field says how, so its model does. */
function valueType(name: string): MergeType {
  if (name === 'any') return deducedType;
  if (name.startsWith('[]')) return leafType;
  if (name.startsWith('{}')) return { kind: 'map', item: valueType(name.slice(2)) };
  return modelNamed(name) === undefined || isAtomicModel(name) ? leafType : structOf(name);
}

function listType(model: string, field: string, itemName: string): MergeType {
  const kind = listKind(model, field);
  if (kind.kind === 'atomic') return leafType;
  if (kind.kind === 'set') return { kind: 'list', keys: [], keyDefaults: {}, item: leafType };
  const defaults = kind.keys.flatMap((key): [string, Json][] => {
    const value = keyDefault(itemName, key);
    return value === undefined ? [] : [[key, value]];
  });
  return { kind: 'list', keys: kind.keys.toSorted(), keyDefaults: Object.fromEntries(defaults), item: valueType(itemName) };
}
