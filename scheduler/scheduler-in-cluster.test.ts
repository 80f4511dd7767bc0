/** The scheduler in a whole cluster: with the server's rights and rules, controllers and nodes that end pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, events, leases, poddisruptionbudgets, pods, priorityclasses } from '#api/generated/resources.ts';
import type { Pod, PodSpec } from '#api/generated/types.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';
import { createScheduler } from './scheduler.ts';
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

test('of two schedulers exactly one acts, and the other takes over', async () => {
  await using cluster = await createCluster({ nodes: 2, scheduler: false, isFrozen: true });
  const { client, clock } = cluster;
  const start = (identity: string) => {
    const stop = new AbortController();
    const scheduler = createScheduler({ client, clock, random: seededRandom(identity.length), log: silentLogger, identity });
    const running = scheduler.run(stop.signal).catch(() => undefined);
    return async () => {
      stop.abort(new Error('killed'));
      await running;
    };
  };
  const stopFirst = start('first');
  await cluster.settle();
  const stopSecond = start('second-one');
  const create = async (prefix: string) => {
    for (let index = 0; index < 5; index++)
      await client.resource(pods).create(aPodDraft({ name: `${prefix}-${index}`, requests: { cpu: '100m' } }));
  };
  const allBound = async () =>
    (await client.resource(pods).list({ namespace: 'default' })).items.every(({ spec }) => spec.nodeName !== undefined);
  const holder = async () => (await client.resource(leases).get({ namespace: 'kube-system', name: 'kube-scheduler' })).spec?.holderIdentity;
  await create('a');
  await clock.advanceUntil(allBound, { virtualMsMax: MINUTE_MS });
  assert.equal(await holder(), 'first');
  await stopFirst();
  await create('b');
  await clock.advanceUntil(allBound, { virtualMsMax: MINUTE_MS });
  assert.equal(await holder(), 'second-one');
  const scheduled = (await client.resource(events).list({ namespace: 'default' })).items.filter(({ reason }) => reason === 'Scheduled');
  assert.deepEqual([scheduled.length, scheduled.every(({ count = 1 }) => count === 1)], [10, true], 'each pod was bound once');
  await stopSecond();
});

/** Faults that find what a quiet run does not; more seeds run in `npm run simulate`. */
const SEEDS = [1, 2, 3, 4, 5];
for (const seed of SEEDS) {
  test(`whatever goes wrong, no node is given more than it has, and the important pods get their place (seed ${seed})`, async () => {
    const faults = { watchDropped: 0.1, watchExpired: 0.05, writeConflict: 0.1, answerLost: 0.1, crashAfterWrite: 0.03 };
    await using cluster = await createCluster({ nodes: [aNodeOf('a'), aNodeOf('b')], isFrozen: true, seed });
    await createPriorityClasses(cluster);
    const { client, clock } = cluster;
    cluster.setFaults(faults);
    for (let index = 0; index < 4; index++) {
      const spec = { terminationGracePeriodSeconds: 3, priorityClassName: 'low' };
      await client.resource(pods).create(aPodDraft({ name: `low-${index}`, requests: { cpu: '1' }, ...spec }));
    }
    await clock.advance(MINUTE_MS / 6);
    for (let index = 0; index < 3; index++) {
      await client.resource(pods).create(aPodDraft({ name: `high-${index}`, requests: { cpu: '1' }, priorityClassName: 'high' }));
    }
    const areImportantBound = async () => {
      const { items } = await client.resource(pods).list({ namespace: 'default' });
      for (const name of ['a', 'b']) {
        const here = items.filter(
          ({ spec, status }) => spec.nodeName === name && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
        );
        assert.ok(here.length <= 2, `${here.length} pods of one cpu each are on a node of two`);
      }
      const important = items.filter(({ metadata }) => metadata.name.startsWith('high'));
      return important.every(({ spec }) => spec.nodeName !== undefined);
    };
    await clock.advanceUntil(areImportantBound, { virtualMsMax: 20 * MINUTE_MS });
  });
}

function aNodeOf(name: string) {
  return { name, capacity: { cpu: '2' } };
}
