/** The kernel parameters that a pod asks for: their names. Whether a node allows them is the kubelet's to say. Source: pkg/apis/core/validation. */
import type { Sysctl } from '../../generated/types.ts';
import { duplicate, invalidValue, required } from '../../meta/field-path.ts';
import type { FieldProblem } from '../../meta/status.ts';

const NAME_CHARS_MAX = 253;

/** Segments of lower case letters and digits, between dots or slashes; upstream's message shows it just so. */
const NAME_PATTERN = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const NAME = new RegExp(NAME_PATTERN);

export function validateSysctls(sysctls: readonly Sysctl[], field: string): readonly FieldProblem[] {
  return sysctls.flatMap(({ name }, index) => {
    const path = `${field}[${index}].name`;
    if (name === '') return [required(path)];
    if (name.length > NAME_CHARS_MAX || !NAME.test(name))
      return [invalidValue(path, name, `must have at most ${NAME_CHARS_MAX} characters and match regex ${NAME_PATTERN}`)];
    return sysctls.findIndex((other) => other.name === name) < index ? [duplicate(path, name)] : [];
  });
}
