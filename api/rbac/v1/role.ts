/** Roles and ClusterRoles: what a rule may say. Whether a rule allows a request is the API server's authorizer's business. */
import type { ClusterRole, PolicyRule, Role } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { pathSegmentProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateObjectMeta } from '../../meta/validation.ts';

export function validateRole(role: Role): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(role.metadata, { isNamespaced: true, nameRule: pathSegmentProblems }),
    ...validateRules(role.rules ?? [], { isNamespaced: true }),
  ];
}

export function validateClusterRole(role: ClusterRole): readonly FieldProblem[] {
  const problems = [
    ...validateObjectMeta(role.metadata, { isNamespaced: false, nameRule: pathSegmentProblems }),
    ...validateRules(role.rules ?? [], { isNamespaced: false }),
  ];
  if (role.aggregationRule === undefined) return problems;
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  const field = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0)
    return [...problems, required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return [...problems, ...selectors.flatMap((selector, index) => validateLabelSelector(selector, `${field}[${index}]`))];
}

function validateRules(rules: readonly PolicyRule[], { isNamespaced }: { readonly isNamespaced: boolean }): readonly FieldProblem[] {
  return rules.flatMap((rule, index) => validateRule(rule, isNamespaced, `rules[${index}]`));
}

function validateRule(rule: PolicyRule, isNamespaced: boolean, field: string): readonly FieldProblem[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs: urls = [] } = rule;
  const problems: FieldProblem[] = [];
  if (rule.verbs.length === 0) problems.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
  if (urls.length > 0) {
    if (isNamespaced) problems.push(invalidValue(`${field}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      problems.push(invalidValue(`${field}.nonResourceURLs`, urls, 'rules cannot apply to both regular resources and non-resource URLs'));
    }
    return problems;
  }
  if (apiGroups.length === 0) problems.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0) problems.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
  return problems;
}
