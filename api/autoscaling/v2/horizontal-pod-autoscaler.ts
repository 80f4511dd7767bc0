/** HorizontalPodAutoscalers: defaults and rules of how and how fast they scale. The rules of metrics are in `metrics.ts`. Source: upstream's pkg/apis/autoscaling. */
import type { V2HorizontalPodAutoscaler, V2HPAScalingPolicy, V2HPAScalingRules, V2MetricSpec } from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { validateMetric, validateReference } from './metrics.ts';

const CPU_UTILIZATION_DEFAULT = 80;
const STABILIZATION_SECONDS_MAX = 3_600;
const PERIOD_SECONDS_MAX = 1_800;
/** Scaling to nothing is not for resource metrics, which nothing would report then. */
const REPLICAS_MIN = 1;

const metricsDefault: readonly V2MetricSpec[] = [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_UTILIZATION_DEFAULT } } },
];

const scaleUpDefault: V2HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};

const scaleDownDefault: V2HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

export function applyAutoscalerDefaults(autoscaler: V2HorizontalPodAutoscaler): V2HorizontalPodAutoscaler {
  const { spec } = autoscaler;
  const { behavior, metrics = [] } = spec;
  return {
    ...autoscaler,
    spec: withDefined(spec, {
      minReplicas: spec.minReplicas ?? 1,
      metrics: metrics.length === 0 ? metricsDefault : metrics,
      behavior: behavior && {
        scaleUp: { ...scaleUpDefault, ...behavior.scaleUp },
        scaleDown: { ...scaleDownDefault, ...behavior.scaleDown },
      },
    }),
  };
}

export function validateAutoscaler({ metadata, spec }: V2HorizontalPodAutoscaler): readonly FieldProblem[] {
  const { minReplicas, maxReplicas, metrics = [], behavior = {} } = spec;
  const problems = [...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems })];
  if (minReplicas !== undefined && minReplicas < REPLICAS_MIN) {
    problems.push(invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${REPLICAS_MIN}`));
  }
  if (maxReplicas < 1) problems.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    problems.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  problems.push(...validateReference(spec.scaleTargetRef, 'spec.scaleTargetRef'));
  problems.push(...metrics.flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`)));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    problems.push(forbiddenField('spec.metrics', why));
  }
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior[direction];
    if (rules !== undefined) problems.push(...validateScaling(rules, `spec.behavior.${direction}`));
  }
  return problems;
}

const selectPolicies = ['Disabled', 'Max', 'Min'] as const;
const policyTypes = ['Percent', 'Pods'] as const;

function validateScaling(rules: V2HPAScalingRules, field: string): readonly FieldProblem[] {
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = rules;
  const problems: FieldProblem[] = [];
  if (window < 0) problems.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  if (window > STABILIZATION_SECONDS_MAX) {
    const why = `must be less than or equal to ${STABILIZATION_SECONDS_MAX}`;
    problems.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, why));
  }
  if (selectPolicy !== undefined && !selectPolicies.some((known) => known === selectPolicy)) {
    problems.push(notSupported(`${field}.selectPolicy`, selectPolicy, selectPolicies));
  }
  if (policies.length === 0) problems.push(required(`${field}.policies`, 'must specify at least one Policy'));
  problems.push(...policies.flatMap((policy, index) => validatePolicy(policy, `${field}.policies[${index}]`)));
  if (tolerance !== undefined && parseQuantity(tolerance).nanos < 0n) {
    problems.push(invalidValue(`${field}.tolerance`, tolerance, 'must be greater than or equal to 0'));
  }
  return problems;
}

function validatePolicy({ type, value, periodSeconds }: V2HPAScalingPolicy, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (!policyTypes.some((known) => known === type)) problems.push(notSupported(`${field}.type`, type, policyTypes));
  if (value <= 0) problems.push(invalidValue(`${field}.value`, value, 'must be greater than zero'));
  if (periodSeconds <= 0) problems.push(invalidValue(`${field}.periodSeconds`, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > PERIOD_SECONDS_MAX) {
    problems.push(invalidValue(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`));
  }
  return problems;
}
