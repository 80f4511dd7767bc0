/** ReplicaSets: defaults and rules. */

import { applyPodTemplateDefaults, isEmptySelector, validateControlledTemplate } from '../../core/v1/pod-template.ts';
import type { ReplicaSet } from '../../generated/types.ts';
import { required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateLabelSelector, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';

export function applyReplicaSetDefaults(replicaSet: ReplicaSet): ReplicaSet {
  const { spec } = replicaSet;
  return { ...replicaSet, spec: { ...spec, replicas: spec.replicas ?? 1, template: applyPodTemplateDefaults(spec.template ?? {}) } };
}

export function validateReplicaSet(replicaSet: ReplicaSet): readonly FieldProblem[] {
  const { spec } = replicaSet;
  return [
    ...validateObjectMeta(replicaSet.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateNotNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...validateNotNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...(isEmptySelector(spec.selector) ? [required('spec.selector')] : validateLabelSelector(spec.selector, 'spec.selector')),
    ...validateControlledTemplate({ kind: 'ReplicaSet', selector: spec.selector, template: spec.template ?? {} }, 'spec.template'),
  ];
}

export function validateReplicaSetUpdate(replicaSet: ReplicaSet, previous: ReplicaSet): readonly FieldProblem[] {
  return validateImmutable(replicaSet.spec.selector, previous.spec.selector, 'spec.selector');
}
