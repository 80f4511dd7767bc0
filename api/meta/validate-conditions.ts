/** What must hold of conditions of the common type, `meta/v1.Condition`. Upstream: apimachinery, pkg/apis/meta/v1/validation, ValidateConditions. */
import type { Condition } from '../generated/types.ts';
import type { FieldProblem } from './status.ts';
import { duplicate, invalidValue, notSupported, qualifiedNameProblems, required, tooLong, validateNotNegative } from './validation.ts';

const STATUSES = ['False', 'True', 'Unknown'] as const;
const REASON_BYTES_MAX = 1_024;
const MESSAGE_BYTES_MAX = 32 * 1_024;
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const NOT_A_REASON =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an " +
  "alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is " +
  "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

export function validateConditions(conditions: readonly Condition[], field: string): readonly FieldProblem[] {
  const types = conditions.map(({ type }) => type);
  return conditions.flatMap((condition, index) => [
    ...(types.indexOf(condition.type) < index ? [duplicate(`${field}[${index}].type`, condition.type)] : []),
    ...validateCondition(condition, `${field}[${index}]`),
  ]);
}

function validateCondition(condition: Condition, field: string): readonly FieldProblem[] {
  const { type, status, observedGeneration = 0, reason = '', message = '' } = condition;
  return [
    ...qualifiedNameProblems(type).map((problem) => invalidValue(`${field}.type`, type, problem)),
    ...(STATUSES.some((known) => known === status) ? [] : [notSupported(`${field}.status`, status, STATUSES)]),
    ...validateNotNegative(observedGeneration, `${field}.observedGeneration`),
    ...(condition.lastTransitionTime ? [] : [required(`${field}.lastTransitionTime`)]),
    ...(reason === '' ? [required(`${field}.reason`)] : []),
    ...(reason !== '' && !REASON.test(reason) ? [invalidValue(`${field}.reason`, reason, NOT_A_REASON)] : []),
    ...(Buffer.byteLength(reason) > REASON_BYTES_MAX ? [tooLong(`${field}.reason`, REASON_BYTES_MAX)] : []),
    ...(Buffer.byteLength(message) > MESSAGE_BYTES_MAX ? [tooLong(`${field}.message`, MESSAGE_BYTES_MAX)] : []),
  ];
}
