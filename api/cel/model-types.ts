/**
 * What the generated schemas say of types, as expressions are checked against them: the kinds that are built in. What has several forms (times, bytes,
 * numbers that may be texts) is let be.
 */
import { schemas } from '../generated/schemas.ts';
import type { TypeDeclarations } from './environment.ts';

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  quantity: 'string',
  boolean: 'bool',
  int32: 'int',
  int64: 'int',
  double: 'double',
};

export interface ModelType {
  readonly type: string;
  readonly types: TypeDeclarations;
}

/** Takes a model's name in `generated/schemas.ts`; gives it and every model within it. */
export function modelType(model: string): ModelType {
  const types: Record<string, Readonly<Record<string, string>>> = {};
  return { type: typeOf(model, types), types };
}

function typeOf(text: string, types: Record<string, Readonly<Record<string, string>>>): string {
  const name = text.replace(/!$/, '');
  if (name.startsWith('[]')) return `list<${typeOf(name.slice(2), types)}>`;
  if (name.startsWith('{}')) return `map<string, ${typeOf(name.slice(2), types)}>`;
  const scalar = SCALARS[name];
  if (scalar !== undefined) return scalar;
  const fields = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (fields === undefined) return 'dyn';
  const type = `kubernetes.model.${name}`;
  if (Object.hasOwn(types, type)) return type;
  // Known before its fields are: models may hold themselves.
  types[type] = {};
  types[type] = Object.fromEntries(Object.entries(fields).map(([field, inner]) => [field, typeOf(inner, types)]));
  return type;
}
