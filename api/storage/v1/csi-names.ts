/** Names of CSI drivers, and the parameters that classes hand to them: the rules that several kinds of this group share. */
import { invalidValue, required, tooLong } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';

const DRIVER_NAME_CHARACTERS_MAX = 63;
const PARAMETERS_MAX = 512;
/** Keys and values together. */
const PARAMETERS_BYTES_MAX = 256 * 1024;

export function validateDriverName(name: string, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = name === '' ? [required(field)] : [];
  if (name.length > DRIVER_NAME_CHARACTERS_MAX) problems.push(tooLong(field, DRIVER_NAME_CHARACTERS_MAX));
  return [...problems, ...dns1123SubdomainProblems(name.toLowerCase()).map((problem) => invalidValue(field, name, problem))];
}

export function validateParameters(
  parameters: Readonly<Record<string, string>>,
  field: string,
  { mayBeEmpty }: { readonly mayBeEmpty: boolean },
): readonly FieldProblem[] {
  const entries = Object.entries(parameters);
  if (entries.length > PARAMETERS_MAX) return [tooLong(field, PARAMETERS_MAX)];
  const problems = entries.filter(([key]) => key === '').map(([key]) => invalidValue(field, key, 'field can not be empty.'));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > PARAMETERS_BYTES_MAX) problems.push(tooLong(field, PARAMETERS_BYTES_MAX));
  if (!mayBeEmpty && entries.length === 0) problems.push(required(field, 'must contain at least one key/value pair'));
  return problems;
}
