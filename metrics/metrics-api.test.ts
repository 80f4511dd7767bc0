/** metrics.k8s.io over kubelets that say what a test wants them to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiservices, nodes, pods, services } from '#api/generated/resources.ts';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { decodeSummary } from './kubelets.ts';
import { createMetricsApi } from './metrics-api.ts';
import { registerMetricsApi } from './registration.ts';

const ROOT = 'https://metrics/apis/metrics.k8s.io/v1beta1';
const cpu = { time: '2026-11-30T10:00:00Z', usageNanoCores: 1_500_000, windowSeconds: 15.2 };
const memory = { workingSetBytes: 2_097_153 };

/** Two nodes, of which the second's kubelet does not answer; `web` and `db` run on the first, `late` has not started. */
async function aCluster() {
  const clock = createFakeClock();
  const client = createFakeClient({ clock });
  for (const name of ['worker-1', 'worker-2']) {
    await client.resource(nodes).create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { name } }, spec: {} });
  }
  for (const [name, phase] of [
    ['web', 'Running'],
    ['db', 'Running'],
    ['late', 'Pending'],
  ] as const) {
    const spec = { nodeName: 'worker-1', containers: [{ name: 'main', image: 'i' }] };
    const made = await client
      .resource(pods)
      .create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', labels: { app: name } }, spec });
    await client.resource(pods).updateStatus({ ...made, status: { phase } });
  }
  const asked: string[] = [];
  const uids = new Map((await client.resource(pods).list()).items.map(({ metadata }) => [metadata.name, metadata.uid]));
  const summary = {
    node: { cpu, memory },
    pods: [
      { podRef: { uid: uids.get('web') }, containers: [{ name: 'main', cpu, memory }] },
      { podRef: { uid: uids.get('db') }, containers: [{ name: 'main', cpu: { time: cpu.time }, memory }] },
    ],
  };
  const api = createMetricsApi({
    client,
    clock,
    log: silentLogger,
    askKubelet: async ({ metadata }) => {
      asked.push(metadata.name);
      if (metadata.name === 'worker-2') throw new Error('no answer');
      return decodeSummary(JSON.stringify(summary));
    },
  });
  const get = async (path: string) => JSON.parse(JSON.stringify(await api(new URL(ROOT + path), AbortSignal.any([]))));
  return { client, clock, get, asked };
}

test('a node tells billionths of a core and units of 1024 bytes; one that does not answer is left out', async () => {
  const { get } = await aCluster();
  const { kind, items } = await get('/nodes');
  assert.equal(kind, 'NodeMetricsList');
  assert.equal(items.length, 1);
  assert.deepEqual(items[0].usage, { cpu: '1500000n', memory: '2049Ki' });
  assert.deepEqual([items[0].metadata.name, items[0].timestamp, items[0].window], ['worker-1', '2026-11-30T10:00:00Z', '15.2s']);
});

test('a pod that is measured in part, or does not run, is left out; only kubelets that have pods are asked', async () => {
  const { get, asked } = await aCluster();
  const { items } = await get('/pods');
  assert.deepEqual(
    items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ['web'],
  );
  assert.deepEqual(items[0].containers, [{ name: 'main', usage: { cpu: '1500000n', memory: '2049Ki' } }]);
  assert.deepEqual(asked, ['worker-1']);
});

test('selectors choose, also within a namespace', async () => {
  const { get } = await aCluster();
  assert.equal((await get('/namespaces/shop/pods?labelSelector=app%3Dweb')).items.length, 1);
  assert.equal((await get('/namespaces/shop/pods?labelSelector=app%3Ddb')).items.length, 0);
  assert.equal((await get('/namespaces/other/pods')).items.length, 0);
  assert.equal((await get('/nodes?labelSelector=name%3Dworker-2')).items.length, 0);
});

test('one pod is told of by name; what is not there, or not measured, is not found', async () => {
  const { get } = await aCluster();
  assert.equal((await get('/namespaces/shop/pods/web')).kind, 'PodMetrics');
  await assert.rejects(get('/namespaces/shop/pods/late'), { message: 'podmetrics.metrics.k8s.io "shop/late" not found' });
  await assert.rejects(get('/namespaces/shop/pods/none'), { message: 'podmetrics.metrics.k8s.io "shop/none" not found' });
  await assert.rejects(get('/nodes/worker-2'), { message: 'nodemetrics.metrics.k8s.io "worker-2" not found' });
  await assert.rejects(get('/secrets'), { reason: 'NotFound' });
});

test('discovery names both resources', async () => {
  const { resources } = await (await aCluster()).get('');
  assert.deepEqual(
    resources.map(({ name, kind }: { name: string; kind: string }) => `${name} ${kind}`),
    ['nodes NodeMetrics', 'pods PodMetrics'],
  );
});

test('registering twice changes the address, and leaves another metrics server alone', async () => {
  const { client, clock } = await aCluster();
  const register = (address: string) =>
    registerMetricsApi({ address, port: 4443, ca: 'PEM' }, { client, clock, log: silentLogger }, AbortSignal.any([]));
  await register('10.0.0.1');
  await register('10.0.0.2');
  const service = await client.resource(services).get({ namespace: 'kube-system', name: 'keelson-metrics' });
  assert.equal(service.spec.ports?.[0]?.port, 443);
  const resource = client.resource(apiservices);
  const registered = await resource.get({ namespace: '', name: 'v1beta1.metrics.k8s.io' });
  const other = { name: 'metrics-server', namespace: 'kube-system' };
  await resource.update({ ...registered, spec: { ...registered.spec, service: other } });
  await register('10.0.0.3');
  assert.deepEqual((await resource.get({ namespace: '', name: 'v1beta1.metrics.k8s.io' })).spec.service, other);
});
