/**
 * What a schema says of types, as expressions are checked against them. Called when a definition is written; evaluation looks at values, see
 * `expression-value.ts`.
 */
import type { TypeDeclarations } from '../cel/environment.ts';
import { escapeName } from './expression-value.ts';
import type { Schema } from './schema.ts';

export interface DeclaredType {
  /** Of the whole. */
  readonly type: string;
  /** The objects within it, those first on which others rely. */
  readonly types: TypeDeclarations;
}

const SCALARS: Readonly<Record<string, string>> = { integer: 'int', number: 'double', boolean: 'bool' };
const TIMES: ReadonlySet<string> = new Set(['date', 'date-time']);
/** Formats whose texts are values of other types to upstream: nothing is said of them. */
const UNCERTAIN: ReadonlySet<string> = new Set(['duration', 'byte']);

/** Of a resource, its names are known besides. */
export function declaredType(schema: Schema, isResource = schema.isEmbeddedResource): DeclaredType {
  const types: Record<string, Readonly<Record<string, string>>> = {};
  return { type: typeOf(schema, 'object', types, isResource), types };
}

function typeOf(
  schema: Schema,
  name: string,
  types: Record<string, Readonly<Record<string, string>>>,
  isResource = schema.isEmbeddedResource,
): string {
  if (schema.isIntOrString) return 'dyn';
  const scalar = SCALARS[schema.type];
  if (scalar !== undefined) return scalar;
  if (schema.type === 'string') return textType(schema.constraints.format);
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list<${typeOf(schema.items, `${name}.__items`, types)}>`;
  if (schema.type !== 'object') return 'dyn';
  if (schema.additionalProperties === true) return 'map<string, dyn>';
  if (schema.additionalProperties !== undefined) return `map<string, ${typeOf(schema.additionalProperties, `${name}.__values`, types)}>`;
  const fields = [...schema.properties].map(([property, inner]): [string, string] => {
    const field = escapeName(property);
    return [field, typeOf(inner, `${name}.${field.replace(/\W/g, '_')}`, types)];
  });
  types[name] = { ...Object.fromEntries(fields), ...(isResource ? resourceFields(name, types) : {}) };
  return name;
}

function resourceFields(name: string, types: Record<string, Readonly<Record<string, string>>>): Readonly<Record<string, string>> {
  types[`${name}.__metadata`] = { name: 'string', generateName: 'string' };
  return { apiVersion: 'string', kind: 'string', metadata: `${name}.__metadata` };
}

function textType(format: string): string {
  if (TIMES.has(format)) return 'google.protobuf.Timestamp';
  return UNCERTAIN.has(format) ? 'dyn' : 'string';
}
