/**
 * A container's own restart policy and its rules by exit code, which go before the pod's policy. Pure. Called for containers and init containers; ephemeral ones have
 * neither. Source: upstream's pkg/apis/core/validation (validateContainerRestartPolicy).
 */
import type { Container, ContainerRestartRule } from '../../generated/types.ts';
import { notSupported, required, tooMany } from '../../meta/field-path.ts';
import type { FieldProblem } from '../../meta/status.ts';

const policies = ['Always', 'Never', 'OnFailure'];
/** `RestartAllContainers` is behind a gate that is not served here. */
const actions = ['Restart'];
const operators = ['In', 'NotIn'];
const RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

export function validateRestartRules({ restartPolicy, restartPolicyRules = [] }: Container, field: string): readonly FieldProblem[] {
  const isUnknown = restartPolicy !== undefined && !policies.includes(restartPolicy);
  const hasRulesAlone = restartPolicy === undefined && restartPolicyRules.length > 0;
  return [
    ...(isUnknown ? [notSupported(`${field}.restartPolicy`, restartPolicy, policies)] : []),
    ...(hasRulesAlone ? [required(`${field}.restartPolicy`, 'must specify restartPolicy when restart rules are used')] : []),
    ...(restartPolicyRules.length > RULES_MAX ? [tooMany(`${field}.restartPolicyRules`, restartPolicyRules.length, RULES_MAX)] : []),
    ...restartPolicyRules.flatMap((rule, index) => validateRule(rule, `${field}.restartPolicyRules[${index}]`)),
  ];
}

function validateRule({ action, exitCodes }: ContainerRestartRule, field: string): readonly FieldProblem[] {
  const ofAction = actions.includes(action) ? [] : [notSupported(`${field}.action`, action, actions)];
  if (exitCodes === undefined) return [...ofAction, required(`${field}.exitCodes`, 'must be specified')];
  const { operator, values = [] } = exitCodes;
  return [
    ...ofAction,
    ...(operators.includes(operator) ? [] : [notSupported(`${field}.exitCodes.operator`, operator, operators)]),
    ...(values.length > EXIT_CODES_MAX ? [tooMany(`${field}.exitCodes.values`, values.length, EXIT_CODES_MAX)] : []),
  ];
}
