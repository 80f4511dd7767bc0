/**
 * HorizontalPodAutoscalers as autoscaling/v1 knows them: one number for CPU; everything else that v2 can say travels in annotations, so that a client of the
 * old version that reads and writes loses nothing. What comes from annotations is a client's text, and decoded as such. Source: upstream's pkg/apis/autoscaling/v1/conversion.go.
 */
import { decodeObject } from '../../decode.ts';
import { horizontalpodautoscalersV1, horizontalpodautoscalersV2 } from '../../generated/resources.ts';
import type { HorizontalPodAutoscaler, V2HorizontalPodAutoscaler, V2MetricSpec } from '../../generated/types.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../meta/json.ts';
import { ApiError } from '../../meta/status.ts';
import { metricFromV1, metricStatusFromV1, metricStatusToV1, metricToV1 } from './metric-conversion.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const CARRIERS = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR] as const;

type Annotations = Readonly<Record<string, string>>;

export function autoscalerToV1(autoscaler: V2HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const { metadata, spec, status } = autoscaler;
  const { metrics = [], behavior, ...counts } = spec;
  const { currentMetrics = [], conditions = [], ...statusCounts } = status ?? {};
  const others = metrics.filter((metric) => !isCpuShare(metric));
  const annotations = {
    ...metadata.annotations,
    ...(others.length === 0 ? {} : { [METRICS]: JSON.stringify(others.map(metricToV1)) }),
    ...(currentMetrics.length === 0 ? {} : { [CURRENT_METRICS]: JSON.stringify(currentMetrics.map(metricStatusToV1)) }),
    ...(conditions.length === 0 ? {} : { [CONDITIONS]: JSON.stringify(conditions) }),
    ...(behavior === undefined ? {} : { [BEHAVIOR]: JSON.stringify(behavior) }),
  };
  const share = metrics.find(isCpuShare)?.resource?.target.averageUtilization;
  const current = currentMetrics.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu');
  const currentShare = current?.resource?.current.averageUtilization;
  return decodeObject(horizontalpodautoscalersV1, {
    ...autoscaler,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, annotations),
    spec: { ...counts, ...(share === undefined ? {} : { targetCPUUtilizationPercentage: share }) },
    ...(status === undefined
      ? {}
      : { status: { ...statusCounts, ...(currentShare === undefined ? {} : { currentCPUUtilizationPercentage: currentShare }) } }),
  }).object;
}

/** Throws BadRequest for annotations that do not hold what they should. */
export function autoscalerFromV1(autoscaler: HorizontalPodAutoscaler): V2HorizontalPodAutoscaler {
  const { metadata, spec, status } = autoscaler;
  const { annotations = {} } = metadata;
  const { targetCPUUtilizationPercentage: share, ...counts } = spec;
  const { currentCPUUtilizationPercentage: currentShare, ...statusCounts } = status ?? {};
  const others = listIn(annotations, METRICS).map(metricFromV1);
  const cpu = share === undefined ? [] : [cpuShare(share)];
  const carried = listIn(annotations, CURRENT_METRICS).map(metricStatusFromV1);
  const fromShare =
    currentShare === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: currentShare } } }];
  const currentMetrics = carried.length > 0 ? carried : fromShare;
  const conditions = listIn(annotations, CONDITIONS);
  const behavior = valueIn(annotations, BEHAVIOR);
  return decodeObject(horizontalpodautoscalersV2, {
    ...autoscaler,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(metadata, withoutCarriers(annotations)),
    spec: {
      ...counts,
      ...(others.length + cpu.length === 0 ? {} : { metrics: [...others, ...cpu] }),
      ...(behavior === undefined ? {} : { behavior }),
    },
    ...(status === undefined
      ? {}
      : {
          status: {
            ...statusCounts,
            ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
            ...(conditions.length === 0 ? {} : { conditions }),
          },
        }),
  }).object;
}

/** What v1 has a field for. */
function isCpuShare({ type, resource }: V2MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
}

function cpuShare(averageUtilization: number): V2MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

/** Without any, there is no such member. */
function withAnnotations(metadata: object, annotations: Annotations): object {
  return { ...metadata, annotations: Object.keys(annotations).length === 0 ? undefined : annotations };
}

function withoutCarriers(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !CARRIERS.some((carrier) => carrier === key)));
}

function valueIn(annotations: Annotations, key: string): Json | undefined {
  const text = annotations[key];
  if (text === undefined) return undefined;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch (error) {
    throw unreadable(key, error);
  }
}

function listIn(annotations: Annotations, key: string): readonly JsonObject[] {
  const value = valueIn(annotations, key) ?? [];
  if (!isJsonArray(value)) throw unreadable(key);
  return value.map((item) => {
    if (!isJsonObject(item)) throw unreadable(key);
    return item;
  });
}

function unreadable(key: string, cause?: unknown): ApiError {
  return new ApiError('BadRequest', `the annotation ${key} does not hold what autoscaling/v1 writes there`, { cause });
}
