/**
 * What admission policies and their bindings have in common: which requests they are about (`matchConstraints`, `matchResources`) and what parameters they
 * take. Defaults, and what is wrong with them. Whether a request matches is `apiserver/admission/match-resources.ts`'s. Source: upstream's
 * pkg/apis/admissionregistration/{v1/defaults,validation/validation}.go.
 */
import type { MatchResources, NamedRuleWithOperations, ParamKind, ParamRef } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1035LabelProblems, dns1123SubdomainProblems, pathSegmentProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector } from '../../meta/validation.ts';
import { applyRuleDefaults, validateRule } from './resource-rules.ts';

const MATCH_POLICIES = ['Equivalent', 'Exact'];
const NOT_FOUND_ACTIONS = ['Deny', 'Allow'];
export const FAILURE_POLICIES = ['Fail', 'Ignore'];

export function applyMatchDefaults(match: MatchResources): MatchResources {
  const { matchPolicy = 'Equivalent', namespaceSelector = {}, objectSelector = {}, resourceRules, excludeResourceRules } = match;
  return {
    ...match,
    matchPolicy,
    namespaceSelector,
    objectSelector,
    ...(resourceRules === undefined ? {} : { resourceRules: resourceRules.map(applyRuleDefaults) }),
    ...(excludeResourceRules === undefined ? {} : { excludeResourceRules: excludeResourceRules.map(applyRuleDefaults) }),
  };
}

/** Of a policy, which must say what it is about. */
export function validateMatchConstraints(match: MatchResources | undefined, field: string): readonly FieldProblem[] {
  if (match === undefined) return [required(field)];
  const isEmpty = (match.resourceRules ?? []).length === 0;
  return [...validateMatchResources(match, field), ...(isEmpty ? [required(`${field}.resourceRules`)] : [])];
}

export function validateMatchResources(match: MatchResources | undefined, field: string): readonly FieldProblem[] {
  if (match === undefined) return [];
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match;
  return [
    ...oneOf(matchPolicy, MATCH_POLICIES, `${field}.matchPolicy`),
    ...(namespaceSelector === undefined
      ? [required(`${field}.namespaceSelector`)]
      : validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`)),
    ...(objectSelector === undefined
      ? [required(`${field}.objectSelector`)]
      : validateLabelSelector(objectSelector, `${field}.objectSelector`)),
    ...resourceRules.flatMap((rule, index) => namedRuleProblems(rule, `${field}.resourceRules[${index}]`)),
    ...excludeResourceRules.flatMap((rule, index) => namedRuleProblems(rule, `${field}.excludeResourceRules[${index}]`)),
  ];
}

/** A value that must be there and be one of these. */
export function oneOf(value: string | undefined, allowed: readonly string[], field: string): readonly FieldProblem[] {
  if (value === undefined) return [required(field)];
  return allowed.includes(value) ? [] : [notSupported(field, value, allowed)];
}

function namedRuleProblems(rule: NamedRuleWithOperations, field: string): readonly FieldProblem[] {
  const names = rule.resourceNames ?? [];
  return [
    ...names.flatMap((name, index) => [
      ...pathSegmentProblems(name).map((problem) => invalidValue(`${field}.resourceNames[${index}]`, name, problem)),
      ...(names.indexOf(name) < index ? [duplicate(`${field}.resourceNames[${index}]`, name)] : []),
    ]),
    ...validateRule(rule, field),
  ];
}

export function validateParamKind(paramKind: ParamKind | undefined, field: string): readonly FieldProblem[] {
  if (paramKind === undefined) return [];
  const { apiVersion = '', kind = '' } = paramKind;
  const kindProblems = dns1035LabelProblems(kind.toLowerCase());
  return [
    ...(apiVersion === '' ? [required(`${field}.apiVersion`)] : apiVersionProblems(apiVersion, `${field}.apiVersion`)),
    ...(kind === '' ? [required(`${field}.kind`)] : []),
    ...(kind !== '' && kindProblems.length > 0
      ? [invalidValue(`${field}.kind`, kind, `may have mixed case, but should otherwise match: ${kindProblems.join(',')}`)]
      : []),
  ];
}

function apiVersionProblems(apiVersion: string, field: string): readonly FieldProblem[] {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return [invalidValue(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [group, version] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : ['', apiVersion];
  const groupProblems = group === '' ? [] : dns1123SubdomainProblems(group);
  const versionProblems = version === '' ? [] : dns1035LabelProblems(version);
  return [
    ...(groupProblems.length > 0 ? [invalidValue(field, group, groupProblems.join(','))] : []),
    ...(version === '' ? [invalidValue(field, apiVersion, 'version must be specified')] : []),
    ...(versionProblems.length > 0 ? [invalidValue(field, version, versionProblems.join(','))] : []),
  ];
}

export function validateParamRef(paramRef: ParamRef | undefined, field: string): readonly FieldProblem[] {
  if (paramRef === undefined) return [];
  const { name = '', selector, parameterNotFoundAction = '' } = paramRef;
  const exclusive = 'name and selector are mutually exclusive';
  const isBoth = name !== '' && selector !== undefined;
  return [
    ...(name === '' ? [] : pathSegmentProblems(name).map((problem) => invalidValue(`${field}.name`, name, problem))),
    ...(isBoth ? [forbiddenField(`${field}.name`, exclusive)] : []),
    ...(selector === undefined ? [] : validateLabelSelector(selector, `${field}.selector`)),
    ...(isBoth ? [forbiddenField(`${field}.selector`, exclusive)] : []),
    ...(name === '' && selector === undefined ? [required(field, 'one of name or selector must be specified')] : []),
    ...oneOf(parameterNotFoundAction === '' ? undefined : parameterNotFoundAction, NOT_FOUND_ACTIONS, `${field}.parameterNotFoundAction`),
  ];
}
