/** What a Job does when pods fail, when it counts as succeeded, and when a failing pod is replaced: rules, in upstream's words. */
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../generated/types.ts';
import { duplicate, invalidStructure, invalidValue, notSupported, required, tooLong, tooMany } from '../../meta/field-path.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateNotNegative } from '../../meta/validation.ts';
import { parseIndexList } from './index-list.ts';

const FAILURE_RULES_MAX = 20;
const EXIT_CODES_MAX = 255;
const CONDITION_PATTERNS_MAX = 20;
const SUCCESS_RULES_MAX = 20;
const SUCCEEDED_INDEXES_BYTES_MAX = 64 * 1024;

const failureActions = ['Count', 'FailIndex', 'FailJob', 'Ignore'] as const;
const exitCodeOperators = ['In', 'NotIn'] as const;
const conditionStatuses = ['False', 'True', 'Unknown'] as const;
const replacementPolicies = ['Failed', 'TerminatingOrFailed'] as const;

export function validatePolicies(spec: JobSpec, field: string): readonly FieldProblem[] {
  return [
    ...validateFailurePolicy(spec, `${field}.podFailurePolicy.rules`),
    ...validateSuccessPolicy(spec, `${field}.successPolicy`),
    ...validateReplacementPolicy(spec, `${field}.podReplacementPolicy`),
  ];
}

function validateReplacementPolicy({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, field: string): readonly FieldProblem[] {
  if (policy === undefined) return [];
  const allowed = podFailurePolicy === undefined ? replacementPolicies : (['Failed'] as const);
  return allowed.some((known) => known === policy) ? [] : [notSupported(field, policy, allowed)];
}

function validateFailurePolicy(spec: JobSpec, field: string): readonly FieldProblem[] {
  const { rules = [] } = spec.podFailurePolicy ?? {};
  const tooManyRules = rules.length > FAILURE_RULES_MAX ? [tooMany(field, rules.length, FAILURE_RULES_MAX)] : [];
  return [...tooManyRules, ...rules.flatMap((rule, index) => validateFailureRule(rule, spec, `${field}[${index}]`))];
}

function validateFailureRule(rule: PodFailurePolicyRule, spec: JobSpec, field: string): readonly FieldProblem[] {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const problems: FieldProblem[] = [];
  if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) {
      problems.push(invalidValue(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set'));
    }
  } else problems.push(...validateChoice(action, failureActions, `${field}.action`));
  if (onExitCodes !== undefined) problems.push(...validateExitCodes(onExitCodes, spec, `${field}.onExitCodes`));
  if (onPodConditions.length > 0) problems.push(...validateConditions(onPodConditions, `${field}.onPodConditions`));
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    problems.push(invalidStructure(field, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    problems.push(invalidStructure(field, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return problems;
}

/** An absent value is told what it could be. */
function validateChoice(value: string, allowed: readonly string[], field: string): readonly FieldProblem[] {
  if (value === '') return [required(field, `valid values: [${allowed.map((one) => JSON.stringify(one)).join(' ')}]`)];
  return allowed.includes(value) ? [] : [notSupported(field, value, allowed)];
}

function validateConditions(patterns: readonly PodFailurePolicyOnPodConditionsPattern[], field: string): readonly FieldProblem[] {
  const surplus = patterns.length > CONDITION_PATTERNS_MAX ? [tooMany(field, patterns.length, CONDITION_PATTERNS_MAX)] : [];
  const problems = patterns.flatMap(({ type, status = '' }, index) => [
    ...qualifiedNameProblems(type).map((problem) => invalidValue(`${field}[${index}].type`, type, problem)),
    ...validateChoice(status, conditionStatuses, `${field}[${index}].status`),
  ]);
  return [...surplus, ...problems];
}

function validateExitCodes(
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  { template }: JobSpec,
  field: string,
): readonly FieldProblem[] {
  const problems = [...validateChoice(operator, exitCodeOperators, `${field}.operator`)];
  const names = [...(template.spec?.containers ?? []), ...(template.spec?.initContainers ?? [])].map(({ name }) => name);
  if (containerName !== undefined && !names.includes(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    problems.push(invalidValue(`${field}.containerName`, containerName, why));
  }
  if (values.length === 0) problems.push(invalidValue(`${field}.values`, values, 'at least one value is required'));
  if (values.length > EXIT_CODES_MAX) problems.push(tooMany(`${field}.values`, values.length, EXIT_CODES_MAX));
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      problems.push(invalidValue(`${field}.values[${index}]`, value, 'must not be 0 for the In operator'));
    }
    if (values.indexOf(value) < index) problems.push(duplicate(`${field}.values[${index}]`, value));
  }
  const isOrdered = values.every((value, index) => index === 0 || (values[index - 1] ?? 0) <= value);
  return isOrdered ? problems : [...problems, invalidValue(`${field}.values`, values, 'must be ordered')];
}

function validateSuccessPolicy(spec: JobSpec, field: string): readonly FieldProblem[] {
  const { successPolicy, completions } = spec;
  if (successPolicy === undefined) return [];
  if (spec.completionMode !== 'Indexed') return [invalidValue(field, successPolicy, 'requires indexed completion mode')];
  // Without completions there is nothing to compare with; that they are missing is said elsewhere.
  if (completions === undefined) return [];
  const { rules } = successPolicy;
  const problems: FieldProblem[] = [];
  if (rules.length === 0) {
    problems.push(required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  }
  if (rules.length > SUCCESS_RULES_MAX) problems.push(tooMany(`${field}.rules`, rules.length, SUCCESS_RULES_MAX));
  return [...problems, ...rules.flatMap((rule, index) => validateSuccessRule(rule, completions, `${field}.rules[${index}]`))];
}

function validateSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  field: string,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (succeededCount === undefined && succeededIndexes === undefined) {
    problems.push(required(field, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  const indexes = parseIndexList(succeededIndexes ?? '', completions);
  if ((succeededIndexes ?? '').length > SUCCEEDED_INDEXES_BYTES_MAX) {
    problems.push(tooLong(`${field}.succeededIndexes`, SUCCEEDED_INDEXES_BYTES_MAX));
  }
  if (!indexes.isValid) {
    problems.push(invalidValue(`${field}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${indexes.problem}`));
  }
  if (succeededCount === undefined) return problems;
  const path = `${field}.succeededCount`;
  problems.push(...validateNotNegative(succeededCount, path));
  if (succeededCount > completions) {
    const why = `must be less than or equal to ${completions} (the number of specified completions)`;
    problems.push(invalidValue(path, succeededCount, why));
  }
  const named = indexes.isValid ? indexes.count : 0;
  if (succeededIndexes !== undefined && succeededCount > named) {
    const why = `must be less than or equal to ${named} (the number of indexes in the specified succeededIndexes field)`;
    problems.push(invalidValue(path, succeededCount, why));
  }
  return problems;
}
