/** What is wrong with the lists of a FlowSchema's rule: a list says `*` alone, or names things. Called by `flow-schema.ts`. */
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import type { FieldProblem } from '../../meta/status.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

export function verbProblems(verbs: readonly string[], field: string): readonly FieldProblem[] {
  const isNamed = verbs.length > 0 && !verbs.includes('*');
  if (isNamed) return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(field, verbs, VERBS)];
  return listOrAllProblems(verbs, field, { others: 'verbs', missing: 'verbs must contain at least one value' });
}

/** `others` is what the message calls what the list names; `missing` what it says of an empty list. */
export function listOrAllProblems(
  values: readonly string[],
  field: string,
  { others, missing }: { readonly others: string; readonly missing: string },
): readonly FieldProblem[] {
  if (values.length === 0) return [required(field, missing)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalidValue(field, values, `if '*' is present, must not specify other ${others}`)];
}
