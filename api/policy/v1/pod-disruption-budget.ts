/** PodDisruptionBudgets: rules. Source: upstream's pkg/apis/policy/validation. */
import type { PodDisruptionBudget } from '../../generated/types.ts';
import { invalidValue, notSupported } from '../../meta/field-path.ts';
import { pathSegmentProblems } from '../../meta/names.ts';
import { validateShare } from '../../meta/share.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateObjectMeta } from '../../meta/validation.ts';

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget'] as const;

export function validatePodDisruptionBudget({ spec, metadata }: PodDisruptionBudget): readonly FieldProblem[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const problems = [...validateObjectMeta(metadata, { isNamespaced: true, nameRule: pathSegmentProblems })];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    problems.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  if (minAvailable !== undefined) problems.push(...validateShare(minAvailable, 'spec.minAvailable', { isAtMostAll: true }));
  if (maxUnavailable !== undefined) problems.push(...validateShare(maxUnavailable, 'spec.maxUnavailable', { isAtMostAll: true }));
  if (selector !== undefined) problems.push(...validateLabelSelector(selector, 'spec.selector'));
  if (policy !== undefined && !evictionPolicies.some((known) => known === policy)) {
    problems.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies));
  }
  return problems;
}
