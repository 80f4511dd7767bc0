/** PriorityClasses: defaults, rules, and what may change. */
import type { PriorityClass } from '../../generated/types.ts';
import { forbiddenField } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta, validateOneOf } from '../../meta/validation.ts';

/** Above this, priorities are the system's own. */
export const USER_PRIORITY_MAX = 1_000_000_000;

/** The two classes that every cluster has. */
export const systemPriorities: ReadonlyMap<string, number> = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
]);

export function applyPriorityClassDefaults(priorityClass: PriorityClass): PriorityClass {
  return { ...priorityClass, value: priorityClass.value ?? 0, preemptionPolicy: priorityClass.preemptionPolicy || 'PreemptLowerPriority' };
}

export function validatePriorityClass(priorityClass: PriorityClass): readonly FieldProblem[] {
  const { name } = priorityClass.metadata;
  const value = priorityClass.value ?? 0;
  const problems = [...validateObjectMeta(priorityClass.metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems })];
  if (name?.startsWith('system-')) {
    if (systemPriorities.get(name) !== value) {
      problems.push(forbiddenField('metadata.name', "priority class names with 'system-' prefix are reserved for system use only"));
    }
  } else if (value > USER_PRIORITY_MAX) {
    problems.push(forbiddenField('value', `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`));
  }
  return [...problems, ...validateOneOf(priorityClass.preemptionPolicy, ['Never', 'PreemptLowerPriority'], 'preemptionPolicy')];
}

export function validatePriorityClassUpdate(priorityClass: PriorityClass, previous: PriorityClass): readonly FieldProblem[] {
  const fields = ['value', 'preemptionPolicy'] as const;
  return fields
    .filter((field) => priorityClass[field] !== previous[field])
    .map((field) => forbiddenField(field, 'may not be changed in an update.'));
}
