/**
 * ValidatingAdmissionPolicies and their bindings: defaults and rules. Source: upstream's
 * pkg/apis/admissionregistration/{v1/defaults,validation/validation}.go.
 */
import type {
  AuditAnnotation,
  ObjectMeta,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicyStatus,
  Validation,
} from '../../generated/types.ts';
import { duplicate, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import {
  applyMatchDefaults,
  FAILURE_POLICIES,
  oneOf,
  validateMatchConstraints,
  validateMatchResources,
  validateParamKind,
  validateParamRef,
} from './match-resources.ts';
import {
  type CompiledVariables,
  compileVariables,
  expressionProblems,
  validateMatchConditions,
  validateVariables,
} from './policy-expressions.ts';

const AUDIT_ANNOTATIONS_MAX = 20;
const VALUE_EXPRESSION_BYTES_MAX = 5 * 1024;
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];

const clusterWide = { isNamespaced: false, nameRule: dns1123SubdomainProblems } as const;

export function applyValidatingPolicyDefaults(policy: ValidatingAdmissionPolicy): ValidatingAdmissionPolicy {
  const { failurePolicy = 'Fail', matchConstraints } = policy.spec;
  const match = matchConstraints === undefined ? {} : { matchConstraints: applyMatchDefaults(matchConstraints) };
  return { ...policy, spec: { ...policy.spec, failurePolicy, ...match } };
}

export function validateValidatingPolicy({ metadata, spec }: ValidatingAdmissionPolicy): readonly FieldProblem[] {
  const {
    failurePolicy,
    paramKind,
    matchConstraints,
    matchConditions = [],
    variables = [],
    validations = [],
    auditAnnotations = [],
  } = spec;
  const compiled = compileVariables(paramKind, variables);
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...oneOf(failurePolicy, FAILURE_POLICIES, 'spec.failurePolicy'),
    ...validateParamKind(paramKind, 'spec.paramKind'),
    ...validateMatchConstraints(matchConstraints, 'spec.matchConstraints'),
    ...validateMatchConditions(matchConditions, paramKind, 'spec.matchConditions'),
    ...validateVariables(variables, compiled, 'spec.variables'),
    ...(validations.length === 0 && auditAnnotations.length === 0 ? nothingToDo() : []),
    ...validations.flatMap((validation, index) => validationProblems(validation, compiled, `spec.validations[${index}]`)),
    ...annotationsProblems(auditAnnotations, metadata, compiled),
  ];
}

function nothingToDo(): readonly FieldProblem[] {
  const detail = 'validations or auditAnnotations must contain at least one item';
  return [required('spec.validations', detail), required('spec.auditAnnotations', detail)];
}

function validationProblems(
  { expression = '', message = '', messageExpression = '', reason }: Partial<Validation>,
  { compiler }: CompiledVariables,
  field: string,
): readonly FieldProblem[] {
  const problems = [...expressionProblems(compiler, expression, 'condition', `${field}.expression`)];
  if (messageExpression !== '' && messageExpression.trim() === '') {
    problems.push(invalidValue(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  } else if (messageExpression !== '')
    problems.push(...expressionProblems(compiler, messageExpression, 'message', `${field}.messageExpression`));
  if (message !== '' && message.trim() === '') {
    problems.push(invalidValue(`${field}.message`, message, 'message must be non-empty if specified'));
  } else if (/[\n\r]/.test(message.trim()))
    problems.push(invalidValue(`${field}.message`, message, 'message must not contain line breaks'));
  if (reason !== undefined && !REASONS.includes(reason)) problems.push(notSupported(`${field}.reason`, reason, REASONS));
  return problems;
}

function annotationsProblems(
  annotations: readonly AuditAnnotation[],
  metadata: ObjectMeta,
  compiled: CompiledVariables,
): readonly FieldProblem[] {
  const field = 'spec.auditAnnotations';
  const keys = annotations.map(({ key }) => key);
  return [
    ...(annotations.length > AUDIT_ANNOTATIONS_MAX
      ? [invalidValue(field, annotations, `must not have more than ${AUDIT_ANNOTATIONS_MAX} auditAnnotations`)]
      : []),
    ...annotations.flatMap((annotation, index) => [
      ...annotationProblems(annotation, metadata, compiled, `${field}[${index}]`),
      ...(keys.indexOf(annotation.key) < index ? [duplicate(`${field}[${index}].key`, annotation.key)] : []),
    ]),
  ];
}

function annotationProblems(
  { key, valueExpression = '' }: AuditAnnotation,
  { name = '' }: Partial<ObjectMeta>,
  { compiler }: CompiledVariables,
  field: string,
): readonly FieldProblem[] {
  const full = `${name}/${key}`;
  const keyProblems =
    name === ''
      ? [invalidValue(`${field}.key`, key, 'requires metadata.name be non-empty')]
      : qualifiedNameProblems(full).map((problem) => invalidValue(`${field}.key`, full, problem));
  if (Buffer.byteLength(valueExpression.trim()) > VALUE_EXPRESSION_BYTES_MAX) {
    return [...keyProblems, required(`${field}.valueExpression`, `must not exceed ${VALUE_EXPRESSION_BYTES_MAX} bytes in length`)];
  }
  return [
    ...keyProblems,
    ...expressionProblems(compiler, valueExpression, 'annotation', `${field}.valueExpression`, 'valueExpression is not specified'),
  ];
}

/** What may not be in a status. */
export function validateValidatingPolicyStatus({ typeChecking }: ValidatingAdmissionPolicyStatus): readonly FieldProblem[] {
  return (typeChecking?.expressionWarnings ?? []).flatMap(({ fieldRef = '', warning = '' }, index) => {
    const field = `status.typeChecking.expressionWarnings[${index}]`;
    return [...(warning === '' ? [required(`${field}.warning`)] : []), ...(fieldRef.trim() === '' ? [required(`${field}.fieldRef`)] : [])];
  });
}

export function applyValidatingBindingDefaults(binding: ValidatingAdmissionPolicyBinding): ValidatingAdmissionPolicyBinding {
  const { matchResources } = binding.spec;
  return matchResources === undefined
    ? binding
    : { ...binding, spec: { ...binding.spec, matchResources: applyMatchDefaults(matchResources) } };
}

export function validateValidatingBinding({ metadata, spec }: ValidatingAdmissionPolicyBinding): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...bindingProblems(spec),
    ...actionProblems(spec.validationActions ?? [], 'spec.validationActions'),
  ];
}

/** What holds for bindings of both kinds. The misspelt path is upstream's. */
export function bindingProblems({
  policyName = '',
  paramRef,
  matchResources,
}: Partial<ValidatingAdmissionPolicyBinding['spec']>): readonly FieldProblem[] {
  return [
    ...(policyName === '' ? [required('spec.policyName')] : []),
    ...(policyName === ''
      ? []
      : dns1123SubdomainProblems(policyName).map((problem) => invalidValue('spec.policyName', policyName, problem))),
    ...validateParamRef(paramRef, 'spec.paramRef'),
    ...validateMatchResources(matchResources, 'spec.matchResouces'),
  ];
}

function actionProblems(actions: readonly string[], field: string): readonly FieldProblem[] {
  const both =
    'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
  return [
    ...actions.flatMap((action, index) => [
      ...(ACTIONS.includes(action) ? [] : [notSupported(`${field}[${index}]`, action, ACTIONS)]),
      ...(actions.indexOf(action) < index ? [duplicate(`${field}[${index}]`, action)] : []),
    ]),
    ...(actions.includes('Deny') && actions.includes('Warn') ? [invalidValue(field, actions, both)] : []),
    ...(actions.length === 0 ? [required(field, 'at least one validation action is required')] : []),
  ];
}
