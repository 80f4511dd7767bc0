/**
 * Objects that expressions of mutations make: `Object{…}` with its nested types, and `JSONPatch{…}`. `rewrite-source.ts` has turned both into the calls
 * here. What comes out is read by `toApplyConfiguration` and `toJsonPatch`. Source: k8s.io/apiserver, pkg/cel/mutation.
 */
import { Optional } from '@marcbachmann/cel-js';
import type { JsonObject } from '../meta/json.ts';
import { type Library, withFunctions, withNamespace } from './library.ts';
import { toJson } from './to-json.ts';

class ObjectValue {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, unknown>;
  constructor(typeName: string, fields: ReadonlyMap<string, unknown>) {
    this.typeName = typeName;
    this.fields = fields;
  }
}

class JsonPatchValue {
  readonly fields: ReadonlyMap<string, unknown>;
  constructor(fields: ReadonlyMap<string, unknown>) {
    this.fields = fields;
  }
}

export const objects: Library = (environment) =>
  withFunctions(
    withNamespace(
      environment.registerType('Object', ObjectValue).registerType('JSONPatch', JsonPatchValue),
      'jsonpatch',
      'JsonPatchNamespace',
    ),
    {
      'newObject(string, map): Object': (typeName: string, fields: object) => new ObjectValue(typeName, fieldsOf(fields)),
      'newJsonPatch(map): JSONPatch': (fields: object) => new JsonPatchValue(fieldsOf(fields)),
      'JsonPatchNamespace.escapeKey(string): string': (_patch: unknown, key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
    },
  );

/** Fields with a question mark are optional: they are there if their value is. */
function fieldsOf(given: object): ReadonlyMap<string, unknown> {
  const entries: Iterable<readonly [unknown, unknown]> = given instanceof Map ? given : Object.entries(given);
  const fields = new Map<string, unknown>();
  for (const [key, value] of entries) {
    const name = String(key);
    if (!name.startsWith('?')) fields.set(name, value);
    else if (!(value instanceof Optional)) throw new Error('no such overload');
    else if (value.hasValue()) fields.set(name.slice(1), value.value());
  }
  return fields;
}

/** Throws with what upstream says when the value is no object, or has one of a type at a place of another. */
export function toApplyConfiguration(value: unknown): JsonObject {
  if (!(value instanceof ObjectValue)) throw new Error(`unsupported return type from ApplyConfiguration expression: ${typeof value}`);
  return objectAt(value, 'Object');
}

function objectAt({ typeName, fields }: ObjectValue, place: string): JsonObject {
  if (typeName !== place)
    throw new Error(
      `type mismatch: unexpected type name ${JSON.stringify(typeName)}, expected ${JSON.stringify(place)}, which matches field name path from root Object type`,
    );
  return Object.fromEntries(
    [...fields].map(([name, inner]) => [unescapeName(name), toJson(inner, (nested) => nestedObject(nested, `${place}.${name}`))]),
  );
}

function nestedObject(value: unknown, place: string): JsonObject | undefined {
  return value instanceof ObjectValue ? objectAt(value, place) : undefined;
}

/** Operations of a JSON Patch (RFC 6902). Throws when the value is no list of them. */
export function toJsonPatch(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new Error('type mismatch: JSONPatchType should be a list of JSONPatch');
  return value.map((operation: unknown) => {
    if (!(operation instanceof JsonPatchValue)) throw new Error('type mismatch: JSONPatchType should be a list of JSONPatch');
    for (const name of operation.fields.keys())
      if (!['op', 'path', 'from', 'value'].includes(name)) throw new Error(`no such field '${name}'`);
    for (const name of ['op', 'path', 'from']) {
      if (operation.fields.has(name) && typeof operation.fields.get(name) !== 'string')
        throw new Error(`type mismatch: JSONPatchType.${name} should be string`);
    }
    return Object.fromEntries(
      [...operation.fields].map(([name, inner]) => [
        name,
        toJson(inner, (nested) => (nested instanceof ObjectValue ? objectAt(nested, nested.typeName) : undefined)),
      ]),
    );
  });
}

const UNESCAPES: Readonly<Record<string, string>> = { __underscores__: '__', __dot__: '.', __dash__: '-', __slash__: '/' };

function unescapeName(name: string): string {
  return name.replace(/__(underscores|dot|dash|slash)__/g, (part) => UNESCAPES[part] ?? part).replace(/^__([a-z]+)__$/, '$1');
}
