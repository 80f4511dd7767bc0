/**
 * What one metric of an autoscaler proposes: a number of replicas and what the status says of the metric, or why it can propose nothing. Pure.
 * Upstream: pkg/controller/podautoscaler/horizontal.go (computeReplicasForMetric), whose words these are.
 */
import type {
  LabelSelector,
  V2MetricIdentifier,
  V2MetricSpec,
  V2MetricStatus,
  V2MetricTarget,
  V2MetricValueStatus,
} from '#api/generated/types.ts';
import { formatQuantity, parseQuantity, quantityFromMilli, quantityToMilli } from '#api/meta/quantity.ts';
import type { Reading } from './metric-readings.ts';
import type { RequestsQuery } from './pod-usage.ts';
import { countByAverage, countByShare, countByTotal, countByUtilization, type ReplicaContext, type ReplicaCount } from './replica-count.ts';

export interface Proposed {
  readonly replicas: number;
  /** As reasons of a rescale name the metric. */
  readonly metric: string;
  readonly status: V2MetricStatus;
}

export interface Unproposed {
  /** Of the event and the condition. */
  readonly reason: string;
  readonly problem: string;
  /** The problem, as it is told of all metrics together. */
  readonly summary: string;
}

export type Proposal = Proposed | Unproposed;

export function isProposed(proposal: Proposal): proposal is Proposed {
  return 'replicas' in proposal;
}

export function isUnproposed(proposal: Proposal): proposal is Unproposed {
  return !isProposed(proposal);
}

export interface ProposalContext extends ReplicaContext {
  readonly namespace: string;
}

export function proposeReplicas(spec: V2MetricSpec, reading: Reading, context: ProposalContext): Proposal {
  const { resource, containerResource, pods, object, external } = spec;
  if (resource !== undefined) {
    const outcome = byResource(resource.target, { resource: resource.name }, reading, context);
    if ('problem' in outcome) return failed('FailedGetResourceMetric', outcome.problem, `${resource.name} resource metric value`);
    return {
      replicas: outcome.replicas,
      metric: outcome.metric,
      status: { type: 'Resource', resource: { name: resource.name, current: outcome.current } },
    };
  }
  if (containerResource !== undefined) {
    const { container, name } = containerResource;
    const outcome = byResource(containerResource.target, { resource: name, container }, reading, context);
    if ('problem' in outcome) return failed('FailedGetContainerResourceMetric', outcome.problem, `${name} container metric value`);
    return {
      replicas: outcome.replicas,
      metric: outcome.metric,
      status: { type: 'ContainerResource', containerResource: { name, container, current: outcome.current } },
    };
  }
  if (pods !== undefined) {
    const outcome = byPods(pods.metric, pods.target, reading, context);
    if ('problem' in outcome) return failed('FailedGetPodsMetric', outcome.problem, 'pods metric value');
    return {
      replicas: outcome.replicas,
      metric: outcome.metric,
      status: { type: 'Pods', pods: { metric: pods.metric, current: outcome.current } },
    };
  }
  if (object !== undefined) {
    const { describedObject, metric, target } = object;
    const subject = `unable to get metric ${metric.name}: ${describedObject.kind} on ${context.namespace} ${describedObject.name}/`;
    const isAverage = target.type === 'AverageValue';
    const name = isAverage ? externalName(metric) : `${describedObject.kind} metric ${metric.name}`;
    const outcome = byTotal('object', target, name, told(reading, subject), context);
    if ('problem' in outcome) {
      const { problem } = outcome;
      return failed(
        'FailedGetObjectMetric',
        problem,
        'object metric value',
        isAverage ? `failed to get ${metric.name} object metric: ${problem}` : problem,
      );
    }
    return {
      replicas: outcome.replicas,
      metric: outcome.metric,
      status: { type: 'Object', object: { describedObject, metric, current: outcome.current } },
    };
  }
  if (external !== undefined) {
    const { metric, target } = external;
    const subject = `unable to get external metric ${context.namespace}/${metric.name}/${printSelector(metric.selector)}: `;
    const outcome = byTotal('external', target, externalName(metric), told(reading, subject), context);
    if ('problem' in outcome) {
      const { problem } = outcome;
      const what = target.averageValue === undefined ? `external metric ${metric.name}` : `${metric.name} external metric`;
      return failed('FailedGetExternalMetric', problem, `${metric.name} external metric value`, `failed to get ${what}: ${problem}`);
    }
    return {
      replicas: outcome.replicas,
      metric: outcome.metric,
      status: { type: 'External', external: { metric, current: outcome.current } },
    };
  }
  const problem = `unknown metric source type "${spec.type}"`;
  return { reason: 'InvalidMetricSourceType', problem, summary: problem };
}

type Outcome = { readonly replicas: number; readonly metric: string; readonly current: V2MetricValueStatus } | { readonly problem: string };

function byResource(target: V2MetricTarget, query: RequestsQuery, reading: Reading, context: ReplicaContext): Outcome {
  const name = query.resource;
  const { averageValue, averageUtilization } = target;
  if (averageValue !== undefined) {
    const count = forPods(told(reading, `unable to get metrics for resource ${name}: `), (pods) =>
      countByAverage(pods, milli(averageValue), name, context),
    );
    if ('problem' in count) return { problem: `failed to get ${name} usage: ${count.problem}` };
    return { replicas: count.replicas, metric: `${name} resource`, current: { averageValue: amount(count.milli) } };
  }
  if (averageUtilization === undefined) {
    return { problem: 'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set' };
  }
  const count = forPods(told(reading, `unable to get metrics for resource ${name}: `), (pods) =>
    countByUtilization(pods, averageUtilization, query, context),
  );
  if ('problem' in count) return { problem: `failed to get ${name} utilization: ${count.problem}` };
  const current = { averageUtilization: count.utilization ?? 0, averageValue: amount(count.milli) };
  return { replicas: count.replicas, metric: `${name} resource utilization (percentage of request)`, current };
}

function byPods(metric: V2MetricIdentifier, target: V2MetricTarget, reading: Reading, context: ReplicaContext): Outcome {
  const count = forPods(told(reading, `unable to get metric ${metric.name}: `), (pods) =>
    countByAverage(pods, milli(target.averageValue ?? '0'), undefined, context),
  );
  if ('problem' in count) return count;
  return { replicas: count.replicas, metric: `pods metric ${metric.name}`, current: { averageValue: amount(count.milli) } };
}

function byTotal(
  source: 'object' | 'external',
  { value, averageValue }: V2MetricTarget,
  metric: string,
  reading: Reading,
  context: ReplicaContext,
): Outcome {
  if ('problem' in reading) return reading;
  const totalMilli = 'totalMilli' in reading ? reading.totalMilli : 0;
  if (averageValue !== undefined) {
    const count = countByShare(totalMilli, milli(averageValue), context);
    return 'problem' in count ? count : { replicas: count.replicas, metric, current: { averageValue: amount(count.milli) } };
  }
  if (value === undefined)
    return { problem: `invalid ${source} metric source: neither a value target nor an average value target was set` };
  const count = countByTotal(totalMilli, milli(value), context);
  return 'problem' in count ? count : { replicas: count.replicas, metric, current: { value: amount(count.milli) } };
}

function forPods(reading: Reading, count: (pods: Extract<Reading, { readonly pods: unknown }>['pods']) => ReplicaCount): ReplicaCount {
  if ('problem' in reading) return reading;
  return count('pods' in reading ? reading.pods : new Map());
}

function told(reading: Reading, subject: string): Reading {
  return 'problem' in reading ? { problem: `${subject}${reading.problem}` } : reading;
}

function failed(reason: string, problem: string, what: string, detail = problem): Proposal {
  return { reason, problem, summary: `failed to get ${what}: ${detail}` };
}

function milli(text: string): number {
  return quantityToMilli(parseQuantity(text));
}

function amount(millis: number): string {
  return formatQuantity(quantityFromMilli(millis));
}

function externalName({ name, selector }: V2MetricIdentifier): string {
  return `external metric ${name}(${printSelector(selector)})`;
}

/** As Go prints the structure, which is what upstream's messages hold. */
export function printSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],}`,
  );
  const map = labels.map(([key, value]) => `${key}: ${value},`).join('');
  const list = expressions.map((expression) => `${expression},`).join('');
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${list}},}`;
}
