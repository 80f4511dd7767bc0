/** The scheduler in a whole cluster: with the server's rights and rules, controllers and nodes that end pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, events, poddisruptionbudgets, pods, priorityclasses } from '#api/generated/resources.ts';
import type { Pod, PodSpec } from '#api/generated/types.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';
import { aPodDraft } from './testing/builders.ts';

const MINUTE_MS = 60_000;

async function createPriorityClasses({ client }: Cluster): Promise<void> {
  for (const [name, value] of [
    ['low', 1],
    ['high', 100],
  ] as const) {
    await client.resource(priorityclasses).create({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value });
  }
}

const findPod = async ({ client }: Cluster, name: string): Promise<Pod | undefined> =>
  (await client.resource(pods).list({ namespace: 'default' })).items.find(({ metadata }) => metadata.name === name);
const isBound = async (cluster: Cluster, name: string) => (await findPod(cluster, name))?.spec.nodeName !== undefined;
const messagesOf = async ({ client }: Cluster) =>
  (await client.resource(events).list({ namespace: 'default' })).items.map(({ reason, message }) => `${reason}: ${message}`);

test('a pod of a higher class has one of a lower class leave; a budget says which', async () => {
  await using cluster = await createCluster({ nodes: [{ name: 'only', capacity: { cpu: '4' } }], isFrozen: true });
  await createPriorityClasses(cluster);
  const { client, clock } = cluster;
  const big: Partial<PodSpec> = { terminationGracePeriodSeconds: 5 };
  for (const name of ['guarded', 'open']) {
    const labels = { app: name };
    await client.resource(pods).create(aPodDraft({ name, labels, priorityClassName: 'low', requests: { cpu: '2' }, ...big }));
  }
  await client.resource(poddisruptionbudgets).create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'guard', namespace: 'default' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } },
  });
  await clock.advanceUntil(async () => (await isBound(cluster, 'guarded')) && (await isBound(cluster, 'open')), {
    virtualMsMax: MINUTE_MS,
  });
  await cluster.settle();
  await client.resource(pods).create(aPodDraft({ name: 'high', priorityClassName: 'high', requests: { cpu: '2' } }));
  await cluster.settle();
  await clock.advanceUntil(() => isBound(cluster, 'high'), { virtualMsMax: MINUTE_MS });
  assert.equal((await findPod(cluster, 'high'))?.status?.nominatedNodeName, undefined, 'it has what it was promised');
  assert.equal(await findPod(cluster, 'open'), undefined);
  assert.equal((await findPod(cluster, 'guarded'))?.metadata.deletionTimestamp, undefined);
  assert.ok((await messagesOf(cluster)).some((message) => /^Preempted: Preempted by pod [0-9a-f-]{36} on node only$/.test(message)));
});

test('pods that can never be scheduled cost a few writes and then none', async () => {
  await using cluster = await createCluster({ nodes: 2, isFrozen: true });
  const { client, clock } = cluster;
  const labels = { app: 'huge' };
  const containers = [{ name: 'main', image: 'main', resources: { requests: { cpu: '1000' } } }];
  await client.resource(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'huge', namespace: 'default' },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  });
  await clock.advance(MINUTE_MS);
  const versions = async () =>
    (await client.resource(pods).list({ namespace: 'default' })).items.map(({ metadata }) => metadata.resourceVersion);
  const before = await versions();
  assert.equal(before.length, 3);
  await clock.advance(10 * MINUTE_MS);
  assert.deepEqual(await versions(), before);
  const failures = (await client.resource(events).list({ namespace: 'default' })).items.filter(
    ({ reason }) => reason === 'FailedScheduling',
  );
  // Once when they come, and again every five minutes.
  assert.ok(failures.every(({ count = 1 }) => count <= 4));
});
