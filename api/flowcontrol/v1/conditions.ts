/** The conditions in the status of both kinds of flow control: each type once, and named. */
import { duplicate, required } from '../../meta/field-path.ts';
import type { FieldProblem } from '../../meta/status.ts';

export function validateConditionTypes(conditions: readonly { readonly type?: string }[]): readonly FieldProblem[] {
  return conditions.flatMap(({ type = '' }, index) => {
    const field = `status.conditions[${index}].type`;
    const isTwin = conditions.findIndex((other) => (other.type ?? '') === type) < index;
    return [...(isTwin ? [duplicate(field, type)] : []), ...(type === '' ? [required(field, 'must not be empty')] : [])];
  });
}
