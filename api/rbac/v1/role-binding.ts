/** RoleBindings and ClusterRoleBindings: who gets which role. Defaults, rules, and that the role of a binding cannot change. */
import type { ClusterRoleBinding, RbacSubject, RoleBinding, RoleRef } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, pathSegmentProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface AnyBinding {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}

export function applyBindingDefaults<B extends AnyBinding>(binding: B): B {
  const { roleRef, subjects } = binding;
  return { ...binding, roleRef: { ...roleRef, apiGroup: roleRef.apiGroup || RBAC_GROUP }, ...definedSubjects(subjects) };
}

function definedSubjects(subjects: readonly RbacSubject[] | undefined): { readonly subjects?: readonly RbacSubject[] } {
  return subjects === undefined ? {} : { subjects: subjects.map(applySubjectDefaults) };
}

function applySubjectDefaults(subject: RbacSubject): RbacSubject {
  const isAccount = subject.kind === 'ServiceAccount';
  return withDefined(subject, { apiGroup: isAccount ? undefined : subject.apiGroup || RBAC_GROUP });
}

export function validateRoleBinding(binding: RoleBinding): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(binding.metadata, { isNamespaced: true, nameRule: pathSegmentProblems }),
    ...validateRoleRef(binding.roleRef, ['Role', 'ClusterRole']),
    ...validateSubjects(binding.subjects ?? [], { isNamespaced: true }),
  ];
}

export function validateClusterRoleBinding(binding: ClusterRoleBinding): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(binding.metadata, { isNamespaced: false, nameRule: pathSegmentProblems }),
    ...validateRoleRef(binding.roleRef, ['ClusterRole']),
    ...validateSubjects(binding.subjects ?? [], { isNamespaced: false }),
  ];
}

function validateRoleRef(roleRef: RoleRef, kinds: readonly string[]): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) problems.push(notSupported('roleRef.apiGroup', roleRef.apiGroup ?? '', [RBAC_GROUP]));
  if (!kinds.includes(roleRef.kind)) problems.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name === '') return [...problems, required('roleRef.name')];
  return [...problems, ...pathSegmentProblems(roleRef.name).map((problem) => invalidValue('roleRef.name', roleRef.name, problem))];
}

function validateSubjects(subjects: readonly RbacSubject[], { isNamespaced }: { readonly isNamespaced: boolean }): readonly FieldProblem[] {
  return subjects.flatMap((subject, index) => validateSubject(subject, isNamespaced, `subjects[${index}]`));
}

function validateSubject(subject: RbacSubject, isNamespaced: boolean, field: string): readonly FieldProblem[] {
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  const problems: FieldProblem[] = name === '' ? [required(`${field}.name`)] : [];
  if (kind === 'ServiceAccount') {
    if (name !== '') problems.push(...dns1123SubdomainProblems(name).map((problem) => invalidValue(`${field}.name`, name, problem)));
    if (apiGroup !== '') problems.push(notSupported(`${field}.apiGroup`, apiGroup, ['']));
    if (!isNamespaced && namespace === '') problems.push(required(`${field}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== RBAC_GROUP) problems.push(notSupported(`${field}.apiGroup`, apiGroup, [RBAC_GROUP]));
  } else {
    problems.push(notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return problems;
}

/** A binding to another role would be another permission under an old name: delete it and make a new one. */
export function validateBindingUpdate(binding: AnyBinding, previous: AnyBinding): readonly FieldProblem[] {
  return jsonEquals(binding.roleRef, previous.roleRef) ? [] : [invalidValue('roleRef', binding.roleRef, 'cannot change roleRef')];
}
