import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, horizontalpodautoscalersV2 } from '#api/generated/resources.ts';
import type { Scale, V2HorizontalPodAutoscaler, V2MetricSpec } from '#api/generated/types.ts';
import { isOfType, resourceType } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { createCluster } from '../in-process/create-cluster.ts';
import type { Reading } from './horizontal-pod-autoscaler/metric-readings.ts';
import { type AutoscalerSnapshot, planAutoscaling } from './horizontal-pod-autoscaler/plan-autoscaling.ts';
import { aPod, aTemplate, describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const queue: V2MetricSpec = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } } };
const cpu: V2MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
const scales = resourceType<Scale>({ ...deployments, kind: 'Scale' });
const pods = [1, 2, 3].map((index) => aPod(`p${index}`, { readySince: secondsAgo(600) }));

function anAutoscaler(spec: Partial<V2HorizontalPodAutoscaler['spec']> = {}): V2HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadataOf('web'),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [queue],
      ...spec,
    },
  };
}

function snapshotOf(
  {
    replicas = 3,
    selector = 'app=web',
    spec = {},
  }: { replicas?: number; selector?: string; spec?: Partial<V2HorizontalPodAutoscaler['spec']> },
  more: Partial<AutoscalerSnapshot> = {},
): AutoscalerSnapshot {
  const scale: Scale = {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: metadataOf('web'),
    spec: { replicas },
    status: { replicas, selector },
  };
  return {
    autoscaler: anAutoscaler(spec),
    target: { scale, type: scales },
    readings: [],
    pods,
    rivals: [{ namespace: 'default', name: 'web' }],
    history: { recommendations: [], events: [] },
    rescaleFailure: undefined,
    nowMs: NOW_MS,
    ...more,
  };
}

const busy: Reading = { totalMilli: 20_000 };
const absent: Reading = { problem: 'unable to fetch metrics from resource metrics API: gone' };

function conditionsOf(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => {
    if (action.verb !== 'updateStatus' || !isOfType(horizontalpodautoscalersV2, action.object)) return [];
    return (action.object.status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
  });
}

const cases: readonly { it: string; given: AutoscalerSnapshot; actions: readonly string[]; conditions: readonly string[] }[] = [
  {
    it: 'scales to what a metric asks for',
    given: snapshotOf({}, { readings: [busy] }),
    actions: ['update deployments web', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededRescale', 'ScalingActive=True ValidMetricFound', 'ScalingLimited=False DesiredWithinRange'],
  },
  {
    it: 'leaves what is right',
    given: snapshotOf({}, { readings: [{ totalMilli: 10_000 }] }),
    actions: ['updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True ReadyForNewScale', 'ScalingActive=True ValidMetricFound', 'ScalingLimited=False DesiredWithinRange'],
  },
  {
    it: 'tells that the target has no scale',
    given: snapshotOf({}, { target: { problem: 'deployments.apps "web" not found' } }),
    actions: ['event FailedGetScale', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=False FailedGetScale'],
  },
  {
    it: 'rests while the target has no replicas',
    given: snapshotOf({ replicas: 0 }),
    actions: ['updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededGetScale', 'ScalingActive=False ScalingDisabled'],
  },
  {
    it: 'brings the target within its bounds without metrics',
    given: snapshotOf({ replicas: 12 }),
    actions: ['update deployments web', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededRescale'],
  },
  {
    it: 'tells that no metric can be had',
    given: snapshotOf({ spec: { metrics: [cpu] } }, { readings: [absent] }),
    actions: ['event FailedGetResourceMetric', 'event FailedComputeMetricsReplicas', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededGetScale', 'ScalingActive=False FailedGetResourceMetric'],
  },
  {
    it: 'scales up although another metric cannot be had',
    given: snapshotOf({ spec: { metrics: [cpu, queue] } }, { readings: [absent, busy] }),
    actions: ['event FailedGetResourceMetric', 'update deployments web', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededRescale', 'ScalingActive=True ValidMetricFound', 'ScalingLimited=False DesiredWithinRange'],
  },
  {
    it: 'does not scale down while another metric cannot be had',
    given: snapshotOf({ spec: { metrics: [cpu, queue] } }, { readings: [absent, { totalMilli: 1_000 }] }),
    actions: ['event FailedGetResourceMetric', 'event FailedComputeMetricsReplicas', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededGetScale', 'ScalingActive=False FailedGetResourceMetric'],
  },
  {
    it: 'needs a selector',
    given: snapshotOf({ selector: '' }),
    actions: ['event SelectorRequired', 'event FailedComputeMetricsReplicas', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededGetScale', 'ScalingActive=False InvalidSelector'],
  },
  {
    it: 'stands back when another autoscaler has the same pods',
    given: snapshotOf(
      {},
      {
        rivals: [
          { namespace: 'default', name: 'old' },
          { namespace: 'default', name: 'web' },
        ],
      },
    ),
    actions: ['event AmbiguousSelector', 'event FailedComputeMetricsReplicas', 'updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=True SucceededGetScale', 'ScalingActive=False AmbiguousSelector'],
  },
  {
    it: 'tells that the scale could not be set, and waits before it tries again',
    given: snapshotOf({}, { readings: [busy], rescaleFailure: 'exceeded quota' }),
    actions: ['updateStatus horizontalpodautoscalers web'],
    conditions: ['AbleToScale=False FailedUpdateScale'],
  },
];
for (const { it, given, actions, conditions } of cases) {
  test(`an autoscaler ${it}`, () => {
    const plan = planAutoscaling(given);
    assert.deepEqual(describeActions(plan.actions), [...actions, 'requeue 15000']);
    assert.deepEqual(conditionsOf(plan.actions), conditions);
  });
}

test('an autoscaler says what it did and why, in upstream’s words', () => {
  const { actions, change, recommendation } = planAutoscaling(snapshotOf({}, { readings: [busy] }));
  const [rescale] = actions;
  assert.ok(rescale?.verb === 'update' && rescale.subresource === 'scale');
  assert.equal(rescale.announce?.done?.message, 'New size: 6; reason: external metric queue(nil) above target');
  assert.deepEqual([change, recommendation], [3, 6]);
});

test('an autoscaler sums up the metrics that failed', () => {
  const { actions } = planAutoscaling(snapshotOf({ spec: { metrics: [cpu] } }, { readings: [absent] }));
  assert.deepEqual(
    actions.flatMap((action) => (action.verb === 'event' ? [action.message] : [])),
    [
      'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: gone',
      'invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get ' +
        'metrics for resource cpu: unable to fetch metrics from resource metrics API: gone',
    ],
  );
});

test('nothing is written when nothing has changed', () => {
  const first = planAutoscaling(snapshotOf({}, { readings: [{ totalMilli: 10_000 }] }));
  const [write] = first.actions;
  assert.ok(write?.verb === 'updateStatus' && isOfType(horizontalpodautoscalersV2, write.object));
  const again = snapshotOf({}, { readings: [{ totalMilli: 10_000 }], autoscaler: write.object });
  assert.deepEqual(describeActions(planAutoscaling(again).actions), ['requeue 15000']);
});

test('in a cluster without metrics an autoscaler keeps its target within bounds and says what it lacks', async () => {
  await using cluster = await createCluster();
  const { client, clock } = cluster;
  clock.freeze();
  const spec = { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: aTemplate('v1') };
  await client
    .resource(deployments)
    .create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' }, spec });
  const autoscalers = client.resource(horizontalpodautoscalersV2);
  const { spec: wanted } = anAutoscaler({ minReplicas: 2, metrics: [cpu] });
  await autoscalers.create({ ...anAutoscaler(), metadata: { name: 'web', namespace: 'default' }, spec: wanted });
  const key = { namespace: 'default', name: 'web' };
  const reasons = async () => ((await autoscalers.get(key)).status?.conditions ?? []).map(({ reason }) => reason);
  await clock.advanceUntil(async () => (await reasons()).includes('FailedGetResourceMetric'), { virtualMsMax: 60_000 });
  assert.equal((await client.resource(deployments).get(key)).spec.replicas, 2);
  assert.deepEqual((await autoscalers.get(key)).status?.currentMetrics, [{ type: '' }]);
});
