import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeObject } from '../decode.ts';
import { horizontalpodautoscalersV1, horizontalpodautoscalersV2 } from '../generated/resources.ts';
import type { V2HorizontalPodAutoscaler, V2MetricSpec } from '../generated/types.ts';
import { testRules } from '../testing/kind-cases.ts';
import { autoscalerFromV1, autoscalerToV1 } from './v1/horizontal-pod-autoscaler.ts';
import { applyAutoscalerDefaults, validateAutoscaler } from './v2/horizontal-pod-autoscaler.ts';
import { formatMetrics } from './v2/metrics.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const autoscaler = {
  type: horizontalpodautoscalersV2,
  base: { spec: { scaleTargetRef, maxReplicas: 5 } },
  applyDefaults: applyAutoscalerDefaults,
  validate: validateAutoscaler,
};
const resource = (target: object) => ({ spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }] } });
const AT = 'spec.metrics[0].resource.target';

testRules(autoscaler, [
  {
    it: 'scales something between some numbers',
    change: { spec: { minReplicas: 7, scaleTargetRef: { kind: '' } } },
    problems: [
      'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.kind: Required value',
    ],
  },
  {
    it: 'has metrics with one target',
    change: resource({ type: 'Utilization', averageUtilization: 0, averageValue: '1' }),
    problems: [
      `${AT}.averageUtilization: Invalid value: 0: must be greater than 0`,
      `${AT}.averageValue: Forbidden: may not set both a target raw value and a target utilization`,
    ],
  },
  {
    it: 'has metrics that are what they say',
    change: { spec: { metrics: [{ type: 'Pods' }, { type: 'Odd' }] } },
    problems: [
      'spec.metrics[0].pods: Required value: must populate information for the given metric source',
      'spec.metrics[1].type: Unsupported value: "Odd": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
    ],
  },
  {
    it: 'scales at some pace',
    change: { spec: { behavior: { scaleDown: { policies: [], stabilizationWindowSeconds: 4000, selectPolicy: 'Any' } } } },
    problems: [
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
      'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"',
      'spec.behavior.scaleDown.policies: Required value: must specify at least one Policy',
    ],
  },
]);

const cpu: V2MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };
const byPods: V2MetricSpec = { type: 'Pods', pods: { metric: { name: 'load' }, target: { type: 'AverageValue', averageValue: '5' } } };
const container: V2MetricSpec = {
  type: 'ContainerResource',
  containerResource: { name: 'memory', container: 'main', target: { type: 'AverageValue', averageValue: '1Gi' } },
};
const queue: V2MetricSpec = {
  type: 'External',
  external: { metric: { name: 'queue', selector: { matchLabels: { q: 'a' } } }, target: { type: 'AverageValue', averageValue: '30' } },
};
const byObject: V2MetricSpec = {
  type: 'Object',
  object: { describedObject: { kind: 'Service', name: 'web' }, metric: { name: 'hits' }, target: { type: 'Value', value: '10' } },
};

const anyAutoscaler = fc
  .record({
    others: fc.shuffledSubarray([byPods, container, queue, byObject]),
    hasCpu: fc.boolean(),
    seconds: fc.option(fc.integer({ min: 0, max: 3600 })),
    condition: fc.option(fc.constantFrom('AbleToScale', 'ScalingActive')),
    annotations: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 20 })),
  })
  .map(({ others, hasCpu, seconds, condition, annotations }): V2HorizontalPodAutoscaler => {
    const metrics = [...others, ...(hasCpu ? [cpu] : [])];
    const { object } = decodeObject(horizontalpodautoscalersV2, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'a', namespace: 'default', ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
      spec: {
        scaleTargetRef,
        maxReplicas: 3,
        ...(metrics.length > 0 ? { metrics } : {}),
        ...(seconds === null ? {} : { behavior: { scaleDown: { stabilizationWindowSeconds: seconds } } }),
      },
      status: {
        currentReplicas: 1,
        desiredReplicas: 2,
        ...(condition === null ? {} : { conditions: [{ type: condition, status: 'True' }] }),
      },
    });
    return object;
  });

test('an autoscaler is the same after a journey through v1', () => {
  fc.assert(fc.property(anyAutoscaler, (object) => assert.deepEqual(autoscalerFromV1(autoscalerToV1(object)), object)));
});

test('what v1 cannot say travels in annotations, in the form that its clients know', () => {
  const { object } = decodeObject(horizontalpodautoscalersV2, { spec: { scaleTargetRef, maxReplicas: 1, metrics: [byPods, cpu] } });
  const { metadata, spec } = autoscalerToV1(object);
  assert.equal(spec.targetCPUUtilizationPercentage, 50);
  assert.deepEqual(metadata.annotations, {
    'autoscaling.alpha.kubernetes.io/metrics': '[{"type":"Pods","pods":{"metricName":"load","targetAverageValue":"5"}}]',
  });
});

test('an annotation that holds something else is refused', () => {
  const withText = (text: string) =>
    decodeObject(horizontalpodautoscalersV1, {
      metadata: { annotations: { 'autoscaling.alpha.kubernetes.io/metrics': text } },
      spec: { scaleTargetRef, maxReplicas: 1 },
    }).object;
  for (const text of ['{', '{}', '[1]', '[{"type":3}]', '[{"type":"Pods","pods":{"targetAverageValue":"x"}}]']) {
    assert.throws(() => autoscalerFromV1(withText(text)), { reason: 'BadRequest' }, text);
  }
});

test('metrics are shown as what is of what should be', () => {
  const current = [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 7 } } }];
  assert.equal(formatMetrics([cpu, queue, byPods], current), 'cpu: 7%/50%, <unknown>/30 (avg) + 1 more...');
  assert.equal(formatMetrics([byObject, container], []), '<unknown>/10, memory: <unknown>/1Gi');
  assert.equal(formatMetrics([], []), '<none>');
});
