/** RuntimeClasses: rules, and what may change. Source: upstream's pkg/apis/node/validation. */
import { validateTolerations } from '../../core/v1/pod-spec.ts';
import { applyResourceListDefaults } from '../../core/v1/resource-list.ts';
import type { RuntimeClass } from '../../generated/types.ts';
import { duplicate, invalidValue } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateLabels, validateObjectMeta } from '../../meta/validation.ts';

export function applyRuntimeClassDefaults(runtimeClass: RuntimeClass): RuntimeClass {
  const { overhead } = runtimeClass;
  if (overhead?.podFixed === undefined) return runtimeClass;
  return { ...runtimeClass, overhead: { ...overhead, podFixed: applyResourceListDefaults(overhead.podFixed) } };
}

export function validateRuntimeClass({ metadata, handler, overhead, scheduling = {} }: RuntimeClass): readonly FieldProblem[] {
  const { nodeSelector = {}, tolerations = [] } = scheduling;
  const isTwin = (index: number) => tolerations.findIndex((other) => jsonEquals(other, tolerations[index])) < index;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...dns1123LabelProblems(handler).map((problem) => invalidValue('handler', handler, problem)),
    ...Object.entries(overhead?.podFixed ?? {})
      .filter(([, amount]) => parseQuantity(amount).nanos < 0n)
      .map(([name, amount]) => invalidValue(`overhead.podFixed[${name}]`, amount, 'must be greater than or equal to 0')),
    ...validateLabels(nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(tolerations, 'scheduling.tolerations'),
    ...tolerations.flatMap((toleration, index) => (isTwin(index) ? [duplicate(`scheduling.tolerations[${index}]`, toleration)] : [])),
  ];
}

export function validateRuntimeClassUpdate(runtimeClass: RuntimeClass, previous: RuntimeClass): readonly FieldProblem[] {
  return validateImmutable(runtimeClass.handler, previous.handler, 'handler');
}
