/** The cluster inside this process: real components, a clock moved by hand, and other people's clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppsV1Api, KubeConfig } from '@kubernetes/client-node';
import { deployments, jobs, nodes, pods } from '#api/generated/resources.ts';
import type { Deployment, Pod, PodSpec } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Cluster, createCluster } from './create-cluster.ts';

const MINUTE_MS = 60_000;
const labels = { app: 'web' };

function aDeployment(replicas: number, spec: Partial<PodSpec> = {}): Draft<Deployment> {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:v1' }], ...spec } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

async function podsOf({ client }: Cluster): Promise<readonly Pod[]> {
  return (await client.resource(pods).list({ namespace: 'default' })).items;
}

const isReady = ({ status }: Pod) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
const untilReady = (cluster: Cluster, count: number) =>
  cluster.clock.advanceUntil(async () => (await podsOf(cluster)).filter(isReady).length === count, { virtualMsMax: 10 * MINUTE_MS });

test('a Deployment gets its pods onto the nodes, each with an address of its own', async () => {
  await using cluster = await createCluster({ nodes: 3 });
  await cluster.client.resource(deployments).create(aDeployment(6));
  await untilReady(cluster, 6);
  const found = await podsOf(cluster);
  assert.equal(new Set(found.map(({ spec }) => spec.nodeName)).size, 3);
  assert.equal(new Set(found.map(({ status }) => status?.podIP)).size, 6);
});

test('pods get ready in the cluster’s time, which costs none of ours', async () => {
  await using cluster = await createCluster({ pods: () => ({ readyAfterMs: 45_000 }) });
  cluster.clock.freeze();
  await cluster.client.resource(deployments).create(aDeployment(1));
  assert.ok((await untilReady(cluster, 1)) >= 44_000);
});

test('a pod that crashes is restarted with longer and longer waits', async () => {
  await using cluster = await createCluster({ pods: () => ({ exit: { afterMs: 1_000, code: 1 } }) });
  cluster.clock.freeze();
  await cluster.client.resource(deployments).create(aDeployment(1));
  await cluster.settle();
  await cluster.clock.advance(2 * MINUTE_MS);
  const [pod] = await podsOf(cluster);
  assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 4);
});

test('a Job ends when its pods have', async () => {
  await using cluster = await createCluster();
  const spec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'task', image: 'task:v1' }] } } };
  await cluster.client
    .resource(jobs)
    .create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'task', namespace: 'default' }, spec });
  const key = { namespace: 'default', name: 'task' };
  await cluster.clock.advanceUntil(async () => (await cluster.client.resource(jobs).get(key)).status?.succeeded === 1, {
    virtualMsMax: MINUTE_MS,
  });
});

test('a node whose power is cut is found out after its lease, and its pods go elsewhere', async () => {
  await using cluster = await createCluster({ nodes: 2 });
  cluster.clock.freeze();
  await cluster.client.resource(deployments).create(aDeployment(4));
  await untilReady(cluster, 4);
  cluster.nodes.stop('node-1');
  await cluster.clock.advanceUntil(
    async () => (await podsOf(cluster)).filter((pod) => pod.spec.nodeName === 'node-2' && isReady(pod)).length === 4,
    { virtualMsMax: 15 * MINUTE_MS },
  );
  const gone = await cluster.client.resource(nodes).get({ namespace: '', name: 'node-1' });
  assert.ok(gone.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/unreachable'));
});

test('reset gives back the cluster as it was when it became ready', async () => {
  await using cluster = await createCluster();
  await cluster.client.resource(deployments).create(aDeployment(3));
  await untilReady(cluster, 3);
  await cluster.reset();
  assert.deepEqual(await podsOf(cluster), []);
  assert.deepEqual((await cluster.client.resource(deployments).list()).items, []);
  await cluster.client.resource(deployments).create(aDeployment(1));
  await untilReady(cluster, 1);
});

test('components that are killed at any moment leave nothing undone', async () => {
  await using cluster = await createCluster({ nodes: 2 });
  await cluster.client.resource(deployments).create(aDeployment(5));
  for (const component of ['controller-manager', 'scheduler', 'nodes'] as const) cluster.crash(component);
  await untilReady(cluster, 5);
  await cluster.settle();
  assert.equal((await podsOf(cluster)).length, 5);
});

test('other clients reach it over HTTPS, with a kubeconfig', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const config = new KubeConfig();
  config.loadFromString(await cluster.kubeconfig());
  const api = config.makeApiClient(AppsV1Api);
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:v1' }] } };
  await api.createNamespacedDeployment({
    namespace: 'default',
    body: { metadata: { name: 'web' }, spec: { selector: { matchLabels: labels }, template } },
  });
  const { items } = await api.listNamespacedDeployment({ namespace: 'default' });
  assert.deepEqual(
    items.map(({ metadata }) => metadata?.name),
    ['web'],
  );
});

test('a Node that anybody creates with the label for it is simulated, until it is deleted', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const labels = { 'keelson.dev/simulated': 'true' };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'big', labels }, spec: {}, status: { capacity: { cpu: '64' } } };
  await cluster.client.resource(nodes).create(node);
  await cluster.client.resource(deployments).create(aDeployment(2));
  await untilReady(cluster, 2);
  const key = { namespace: '', name: 'big' };
  const { metadata, status } = await cluster.client.resource(nodes).get(key);
  assert.equal(metadata.labels?.['kubernetes.io/hostname'], 'big');
  assert.equal(status?.capacity?.cpu, '64');
  await cluster.client.resource(nodes).delete(key);
  await cluster.clock.advance(MINUTE_MS);
  assert.deepEqual((await cluster.client.resource(nodes).list()).items, []);
});
