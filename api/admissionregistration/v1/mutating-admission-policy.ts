/**
 * MutatingAdmissionPolicies and their bindings: defaults and rules. Source: upstream's
 * pkg/apis/admissionregistration/{v1/defaults,validation/validation}.go.
 */
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { applyMatchDefaults, FAILURE_POLICIES, oneOf, validateMatchConstraints, validateParamKind } from './match-resources.ts';
import {
  compileVariables,
  expressionProblems,
  type PolicyCompiler,
  validateMatchConditions,
  validateVariables,
} from './policy-expressions.ts';
import { bindingProblems } from './validating-admission-policy.ts';

const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'];
const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];

const clusterWide = { isNamespaced: false, nameRule: dns1123SubdomainProblems } as const;

export function applyMutatingPolicyDefaults(policy: MutatingAdmissionPolicy): MutatingAdmissionPolicy {
  const { failurePolicy = 'Fail', matchConstraints } = policy.spec;
  const match = matchConstraints === undefined ? {} : { matchConstraints: applyMatchDefaults(matchConstraints) };
  return { ...policy, spec: { ...policy.spec, failurePolicy, ...match } };
}

export function validateMutatingPolicy({ metadata, spec }: MutatingAdmissionPolicy): readonly FieldProblem[] {
  const {
    failurePolicy,
    paramKind,
    matchConstraints,
    matchConditions = [],
    variables = [],
    mutations = [],
    reinvocationPolicy = '',
  } = spec;
  const compiled = compileVariables(paramKind, variables);
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...oneOf(failurePolicy, FAILURE_POLICIES, 'spec.failurePolicy'),
    ...validateParamKind(paramKind, 'spec.paramKind'),
    ...validateMatchConstraints(matchConstraints, 'spec.matchConstraints'),
    ...validateMatchConditions(matchConditions, paramKind, 'spec.matchConditions'),
    ...validateVariables(variables, compiled, 'spec.variables'),
    ...(mutations.length === 0 ? [required('spec.mutations', 'mutations must contain at least one item')] : []),
    ...mutations.flatMap((mutation, index) => mutationProblems(mutation, compiled.compiler, `spec.mutations[${index}]`)),
    ...oneOf(reinvocationPolicy === '' ? undefined : reinvocationPolicy, REINVOCATION_POLICIES, 'spec.reinvocationPolicy'),
  ];
}

function mutationProblems(
  { patchType = '', applyConfiguration, jsonPatch }: Partial<Mutation>,
  compiler: PolicyCompiler,
  field: string,
): readonly FieldProblem[] {
  const members = { applyConfiguration, jsonPatch };
  const typeProblems = oneOf(patchType === '' ? undefined : patchType, PATCH_TYPES, `${field}.patchType`);
  if (typeProblems.length > 0) return typeProblems;
  const [wanted, other] =
    patchType === 'JSONPatch' ? (['jsonPatch', 'applyConfiguration'] as const) : (['applyConfiguration', 'jsonPatch'] as const);
  const given = members[wanted];
  const surplus = members[other];
  return [
    ...(given === undefined
      ? [required(`${field}.${wanted}`, `must be specified when patchType is ${patchType}`)]
      : expressionProblems(compiler, given.expression ?? '', wanted, `${field}.${wanted}.expression`)),
    ...(surplus === undefined ? [] : [invalidValue(`${field}.${other}`, surplus, `must not be specified when patchType is ${patchType}`)]),
  ];
}

export function applyMutatingBindingDefaults(binding: MutatingAdmissionPolicyBinding): MutatingAdmissionPolicyBinding {
  const { matchResources } = binding.spec;
  return matchResources === undefined
    ? binding
    : { ...binding, spec: { ...binding.spec, matchResources: applyMatchDefaults(matchResources) } };
}

export function validateMutatingBinding({ metadata, spec }: MutatingAdmissionPolicyBinding): readonly FieldProblem[] {
  return [...validateObjectMeta(metadata, clusterWide), ...bindingProblems(spec)];
}
