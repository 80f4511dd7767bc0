/** The metrics that an autoscaler goes by: rules, and how `kubectl get` shows them. Called by `horizontal-pod-autoscaler.ts` and by the table. */
import type {
  V2ContainerResourceMetricSource,
  V2CrossVersionObjectReference,
  V2MetricIdentifier,
  V2MetricSpec,
  V2MetricStatus,
  V2MetricTarget,
  V2MetricValueStatus,
} from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { pathSegmentProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';

const METRICS_SHOWN_MAX = 2;

/** A metric's type, and the member that describes it. */
const sourceTypes = [
  ['ContainerResource', 'containerResource'],
  ['External', 'external'],
  ['Object', 'object'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
] as const;

export function validateMetric(metric: V2MetricSpec, field: string): readonly FieldProblem[] {
  const { type } = metric;
  const problems: FieldProblem[] = [];
  if (type === '') problems.push(required(`${field}.type`, 'must specify a metric source type'));
  const expected = sourceTypes.find(([name]) => name === type)?.[1];
  if (expected === undefined) {
    const names = sourceTypes.map(([name]) => name);
    problems.push(notSupported(`${field}.type`, type, names));
  } else if (metric[expected] === undefined) {
    problems.push(required(`${field}.${expected}`, 'must populate information for the given metric source'));
  }
  const present = sourceTypes.map(([, name]) => name).filter((name) => metric[name] !== undefined);
  const surplus = present.filter((name) => name !== expected);
  if (present.length > 1) {
    problems.push(...surplus.map((name) => forbiddenField(`${field}.${name}`, 'must populate the given metric source only')));
  }
  return [...problems, ...validateSource(metric, field)];
}

/** What is scaled, or described by a metric. */
export function validateReference({ kind, name }: V2CrossVersionObjectReference, field: string): readonly FieldProblem[] {
  const check = (value: string, path: string) =>
    value === '' ? [required(path)] : pathSegmentProblems(value).map((problem) => invalidValue(path, value, problem));
  return [...check(kind, `${field}.kind`), ...check(name, `${field}.name`)];
}

function validateSource({ object, pods, external, resource, containerResource }: V2MetricSpec, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (object !== undefined) {
    problems.push(...validateReference(object.describedObject, `${field}.object.describedObject`));
    problems.push(...validateIdentified(object, `${field}.object`));
    if (object.target.value === undefined && object.target.averageValue === undefined) {
      problems.push(required(`${field}.object.target.averageValue`, 'must set either a target value or averageValue'));
    }
  }
  if (external !== undefined) {
    const { value, averageValue } = external.target;
    problems.push(...validateIdentified(external, `${field}.external`));
    if (value === undefined && averageValue === undefined) {
      problems.push(required(`${field}.external.target.averageValue`, 'must set either a target value for metric or a per-pod target'));
    }
    if (value !== undefined && averageValue !== undefined) {
      problems.push(forbiddenField(`${field}.external.target.value`, 'may not set both a target value for metric and a per-pod target'));
    }
  }
  if (pods !== undefined) {
    problems.push(...validateIdentified(pods, `${field}.pods`));
    if (!isPositive(pods.target.averageValue)) {
      problems.push(required(`${field}.pods.target.averageValue`, 'must specify a positive target averageValue'));
    }
  }
  if (resource !== undefined) problems.push(...validateResource(resource, `${field}.resource`));
  if (containerResource !== undefined) {
    if (containerResource.container === '') problems.push(required(`${field}.containerResource.container`, 'must specify a container'));
    problems.push(...validateResource(containerResource, `${field}.containerResource`));
  }
  return problems;
}

function validateResource({ name, target }: Omit<V2ContainerResourceMetricSource, 'container'>, field: string): readonly FieldProblem[] {
  const { averageUtilization, averageValue } = target;
  const problems = name === '' ? [required(`${field}.name`, 'must specify a resource name')] : [];
  problems.push(...validateTarget(target, `${field}.target`));
  if (averageUtilization === undefined && averageValue === undefined) {
    problems.push(required(`${field}.target.averageUtilization`, 'must set either a target raw value or a target utilization'));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    problems.push(forbiddenField(`${field}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
  }
  return problems;
}

interface Identified {
  readonly metric: V2MetricIdentifier;
  readonly target: V2MetricTarget;
}

function validateIdentified({ metric: { name }, target }: Identified, field: string): readonly FieldProblem[] {
  const path = `${field}.metric.name`;
  const nameProblems =
    name === ''
      ? [required(path, 'must specify a metric name')]
      : pathSegmentProblems(name).map((problem) => invalidValue(path, name, problem));
  return [...nameProblems, ...validateTarget(target, `${field}.target`)];
}

const targetTypes = ['Utilization', 'Value', 'AverageValue'] as const;

function validateTarget({ type, value, averageValue, averageUtilization }: V2MetricTarget, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (type === '') problems.push(required(`${field}.type`, 'must specify a metric target type'));
  if (!targetTypes.some((known) => known === type)) {
    problems.push(invalidValue(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  if (value !== undefined && !isPositive(value)) problems.push(invalidValue(`${field}.value`, value, 'must be positive'));
  if (averageValue !== undefined && !isPositive(averageValue)) {
    problems.push(invalidValue(`${field}.averageValue`, averageValue, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    problems.push(invalidValue(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return problems;
}

function isPositive(amount: string | undefined): boolean {
  return amount !== undefined && parseQuantity(amount).nanos > 0n;
}

/** `cpu: 10%/80%, 5/10 (avg) + 1 more...`: what is, and what it should be. */
export function formatMetrics(metrics: readonly V2MetricSpec[], current: readonly V2MetricStatus[]): string {
  if (metrics.length === 0) return '<none>';
  const shown = metrics.slice(0, METRICS_SHOWN_MAX).map((metric, index) => formatMetric(metric, current[index]));
  const hidden = metrics.length - METRICS_SHOWN_MAX;
  return hidden > 0 ? `${shown.join(', ')} + ${hidden} more...` : shown.join(', ');
}

function formatMetric(
  { type, object, pods, external, resource, containerResource }: V2MetricSpec,
  now: V2MetricStatus | undefined,
): string {
  switch (type) {
    case 'Resource':
      return resource === undefined ? UNKNOWN : formatResource(resource, now?.resource?.current);
    case 'ContainerResource':
      return containerResource === undefined ? UNKNOWN : formatResource(containerResource, now?.containerResource?.current);
    case 'Pods':
      return `${now?.pods?.current.averageValue ?? UNKNOWN}/${pods?.target.averageValue ?? UNKNOWN}`;
    case 'Object':
      return formatValue(object?.target, now?.object?.current);
    case 'External':
      return formatValue(external?.target, now?.external?.current);
    default:
      return '<unknown type>';
  }
}

const UNKNOWN = '<unknown>';

function formatResource(
  { name, target }: { readonly name: string; readonly target: V2MetricTarget },
  current: V2MetricValueStatus | undefined,
): string {
  if (target.averageValue !== undefined) return `${name}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const percent = (value: number | undefined, otherwise: string) => (value === undefined ? otherwise : `${value}%`);
  return `${name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(target.averageUtilization, '<auto>')}`;
}

function formatValue(target: V2MetricTarget | undefined, current: V2MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${target?.value ?? UNKNOWN}`;
}
