import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V2MetricSpec } from '#api/generated/types.ts';
import { type Reading, readMetric } from './metric-readings.ts';

const AT = '2026-01-01T12:00:00Z';
const AT_MS = Date.parse(AT);
const target = { namespace: 'default', selector: 'app=web' };
const unknown = {
  statusCode: 404,
  body: { kind: 'Status', reason: 'NotFound', message: 'the server could not find the requested resource' },
};

/** Answers by path; everything else is not served. */
function read(spec: V2MetricSpec, answers: Readonly<Record<string, unknown>>): Promise<Reading> {
  const getText = async (path: string) => {
    const body = answers[path];
    return body === undefined ? { statusCode: 404, text: JSON.stringify(unknown.body) } : { statusCode: 200, text: JSON.stringify(body) };
  };
  return readMetric(spec, target, { client: { getText }, resourceOf: ({ kind }) => (kind === 'Service' ? 'services' : undefined) });
}

const cpu: V2MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };
const container: V2MetricSpec = {
  type: 'ContainerResource',
  containerResource: { name: 'cpu', container: 'web', target: { type: 'Utilization', averageUtilization: 50 } },
};
const qps: V2MetricSpec = { type: 'Pods', pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: '10' } } };
const latency: V2MetricSpec = {
  type: 'Object',
  object: {
    describedObject: { apiVersion: 'v1', kind: 'Service', name: 'web' },
    metric: { name: 'latency', selector: { matchLabels: { verb: 'GET' } } },
    target: { type: 'Value', value: '10' },
  },
};
const queue: V2MetricSpec = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } } };

const PODS = '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb';
const podMetrics = {
  items: [
    {
      metadata: { name: 'p0' },
      timestamp: AT,
      window: '30s',
      containers: [
        { name: 'web', usage: { cpu: '250m', memory: '1Mi' } },
        { name: 'log', usage: { cpu: '50m' } },
      ],
    },
    { metadata: { name: 'p1' }, timestamp: AT, window: '1m0s', containers: [{ name: 'web', usage: { memory: '1Mi' } }] },
  ],
};
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue';

test('the usage of a pod is that of its containers, if all are measured', async () => {
  const reading = await read(cpu, { [PODS]: podMetrics });
  assert.deepEqual(reading, { pods: new Map([['p0', { milli: 300, atMs: AT_MS, windowMs: 30_000 }]]) });
});

test('the usage of one container is looked up by its name', async () => {
  const reading = await read(container, { [PODS]: podMetrics });
  assert.deepEqual(reading, { pods: new Map([['p0', { milli: 250, atMs: AT_MS, windowMs: 30_000 }]]) });
});

test('a metric of pods is asked of the custom metrics API in the version that is served', async () => {
  const path = '/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/qps?labelSelector=app%3Dweb';
  const items = [{ describedObject: { kind: 'Pod', name: 'p0' }, timestamp: AT, windowSeconds: 10, value: '5500m' }];
  const reading = await read(qps, { '/apis/custom.metrics.k8s.io/v1beta1': {}, [path]: { items } });
  assert.deepEqual(reading, { pods: new Map([['p0', { milli: 5_500, atMs: AT_MS, windowMs: 10_000 }]]) });
});

test('a metric of an object is asked for with the selector of its labels', async () => {
  const path = `${CUSTOM}/namespaces/default/services/web/latency?metricLabelSelector=verb%3DGET`;
  assert.deepEqual(await read(latency, { [CUSTOM]: {}, [path]: { items: [{ value: '3' }] } }), { totalMilli: 3_000 });
});

test('the values of an external metric are added up', async () => {
  assert.deepEqual(await read(queue, { [EXTERNAL]: { items: [{ value: '3' }, { value: '500m' }] } }), { totalMilli: 3_500 });
});

const absences: readonly { it: string; spec: V2MetricSpec; answers?: Readonly<Record<string, unknown>>; problem: string }[] = [
  {
    it: 'nothing serves metrics.k8s.io',
    spec: cpu,
    problem:
      'unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)',
  },
  {
    it: 'there are no figures yet',
    spec: cpu,
    answers: { [PODS]: { items: [] } },
    problem: 'no metrics returned from resource metrics API',
  },
  {
    it: 'the container is not there',
    spec: container,
    answers: { [PODS]: { items: [{ metadata: { name: 'p2' }, timestamp: AT, containers: [] }] } },
    problem: 'failed to get container metrics: container web not present in metrics for pod default/p2',
  },
  {
    it: 'nothing serves custom metrics',
    spec: qps,
    problem: 'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
  },
  {
    it: 'nothing serves external metrics',
    spec: queue,
    problem:
      'unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)',
  },
];
for (const { it, spec, answers = {}, problem } of absences) {
  test(`a metric tells when ${it}`, async () => assert.deepEqual(await read(spec, answers), { problem }));
}
