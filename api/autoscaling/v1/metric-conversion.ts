/**
 * Metrics in the form that autoscaling/v1 writes into annotations, and back into the form of v2. Both are plain JSON here: what comes from an annotation may be
 * anything, and is decoded by the caller as part of the whole object. Source: upstream's pkg/apis/autoscaling/v1/conversion.go.
 */
import type { V2MetricSpec, V2MetricStatus } from '../../generated/types.ts';
import { isJsonObject, type Json, type JsonObject } from '../../meta/json.ts';

/** Only what is there. */
function some(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function metricToV1({ type, object, pods, resource, containerResource, external }: V2MetricSpec): object {
  const ofResource = (source: typeof resource) =>
    source &&
    some({ name: source.name, targetAverageUtilization: source.target.averageUtilization, targetAverageValue: source.target.averageValue });
  return some({
    type,
    object:
      object &&
      some({
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    pods:
      pods && some({ metricName: pods.metric.name, targetAverageValue: pods.target.averageValue ?? '0', selector: pods.metric.selector }),
    resource: ofResource(resource),
    containerResource: containerResource && { ...ofResource(containerResource), container: containerResource.container },
    external:
      external &&
      some({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  });
}

export function metricFromV1(metric: JsonObject): object {
  return some({
    type: metric.type,
    object: partOf(metric.object, (object) => ({
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      target: valueTarget(object.targetValue, object.averageValue),
    })),
    pods: partOf(metric.pods, (pods) => ({
      metric: identifier(pods.metricName, pods.selector),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    })),
    resource: partOf(metric.resource, (resource) => ({ name: resource.name, target: resourceTarget(resource) })),
    containerResource: partOf(metric.containerResource, (resource) => ({
      name: resource.name,
      container: resource.container,
      target: resourceTarget(resource),
    })),
    external: partOf(metric.external, (external) => ({
      metric: identifier(external.metricName, external.metricSelector),
      target: valueTarget(external.targetValue, external.targetAverageValue),
    })),
  });
}

export function metricStatusToV1({ type, object, pods, resource, containerResource, external }: V2MetricStatus): object {
  const ofResource = (source: typeof resource) =>
    source &&
    some({
      name: source.name,
      currentAverageUtilization: source.current.averageUtilization,
      currentAverageValue: source.current.averageValue ?? '0',
    });
  return some({
    type,
    object:
      object &&
      some({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    pods:
      pods && some({ metricName: pods.metric.name, currentAverageValue: pods.current.averageValue ?? '0', selector: pods.metric.selector }),
    resource: ofResource(resource),
    containerResource: containerResource && { ...ofResource(containerResource), container: containerResource.container },
    external:
      external &&
      some({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      }),
  });
}

export function metricStatusFromV1(status: JsonObject): object {
  const ofResource = (resource: JsonObject) =>
    some({ averageUtilization: resource.currentAverageUtilization, averageValue: resource.currentAverageValue });
  return some({
    type: status.type,
    object: partOf(status.object, (object) => ({
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      current: currentValue(object.currentValue, object.averageValue),
    })),
    pods: partOf(status.pods, (pods) => ({
      metric: identifier(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue },
    })),
    resource: partOf(status.resource, (resource) => ({ name: resource.name, current: ofResource(resource) })),
    containerResource: partOf(status.containerResource, (resource) => ({
      name: resource.name,
      container: resource.container,
      current: ofResource(resource),
    })),
    external: partOf(status.external, (external) => ({
      metric: identifier(external.metricName, external.metricSelector),
      current: currentValue(external.currentValue, external.currentAverageValue),
    })),
  });
}

function partOf(value: Json | undefined, convert: (part: JsonObject) => object): object | undefined {
  return isJsonObject(value) ? convert(value) : undefined;
}

function identifier(name: Json | undefined, selector: Json | undefined): object {
  return some({ name, selector });
}

/** A value for the whole goes before one per pod; v1 writes a zero where there is none. */
function valueTarget(value: Json | undefined, averageValue: Json | undefined): object {
  if (averageValue !== undefined) return { type: 'AverageValue', averageValue };
  return some({ type: 'Value', value });
}

function currentValue(value: Json | undefined, averageValue: Json | undefined): object {
  return averageValue !== undefined && value === '0' ? { averageValue } : some({ value, averageValue });
}

function resourceTarget({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }: JsonObject): object {
  return some({ type: averageUtilization === undefined ? 'AverageValue' : 'Utilization', averageUtilization, averageValue });
}
