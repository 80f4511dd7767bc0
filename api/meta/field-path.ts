/**
 * Problems with fields, in upstream's words. A path is plain text (`spec.containers[0].name`), written with template strings where it is
 * used; these functions build the `FieldProblem` that ends up in a 422. Validation gathers all problems of an object, so none of them throws.
 * Source: k8s.io/apimachinery/pkg/util/validation/field, whose wording users and tools match on.
 */
import type { FieldProblem } from './status.ts';

/** Text is quoted, numbers and booleans are plain, everything else is its JSON. */
function shown(value: unknown): string {
  return value === undefined ? '"null"' : JSON.stringify(value);
}

function withDetail(message: string, detail: string): string {
  return detail === '' ? message : `${message}: ${detail}`;
}

export function required(field: string, detail = ''): FieldProblem {
  return { type: 'FieldValueRequired', field, message: withDetail('Required value', detail) };
}

export function invalidValue(field: string, value: unknown, detail: string): FieldProblem {
  return { type: 'FieldValueInvalid', field, message: withDetail(`Invalid value: ${shown(value)}`, detail) };
}

/** For what is wrong with a part as a whole, where showing it would help nobody. */
export function invalidStructure(field: string, detail: string): FieldProblem {
  return { type: 'FieldValueInvalid', field, message: withDetail('Invalid value', detail) };
}

export function notSupported(field: string, value: unknown, allowed: readonly string[]): FieldProblem {
  const detail = allowed.length === 0 ? '' : `supported values: ${allowed.map((text) => JSON.stringify(text)).join(', ')}`;
  return { type: 'FieldValueNotSupported', field, message: withDetail(`Unsupported value: ${shown(value)}`, detail) };
}

export function forbiddenField(field: string, detail: string): FieldProblem {
  return { type: 'FieldValueForbidden', field, message: withDetail('Forbidden', detail) };
}

export function duplicate(field: string, value: unknown): FieldProblem {
  return { type: 'FieldValueDuplicate', field, message: `Duplicate value: ${shown(value)}` };
}

export function tooLong(field: string, bytesMax: number): FieldProblem {
  return { type: 'FieldValueTooLong', field, message: `Too long: may not be more than ${bytesMax} bytes` };
}

export function tooMany(field: string, count: number, countMax: number): FieldProblem {
  return { type: 'FieldValueTooMany', field, message: `Too many: ${count}: must have at most ${countMax} items` };
}

export function notFoundValue(field: string, value: unknown): FieldProblem {
  return { type: 'FieldValueNotFound', field, message: `Not found: ${shown(value)}` };
}
