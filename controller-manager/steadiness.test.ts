/** Nobody writes for nothing: not when everything is looked at once more, and not when what is asked for cannot be had. The whole cluster, its clock moved by the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, pods, replicasets, resourcequotas } from '#api/generated/resources.ts';
import type { Deployment, PodSpec, ReplicaSet } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';

const MINUTE_MS = 60_000;
/** A try every so often, as back-off has it, with an event for each: far from one a second. */
const WRITES_IN_TEN_MINUTES_MAX = 60;

const podSpec: PodSpec = { containers: [{ name: 'app', image: 'app:v1' }] };

function aReplicaSet(
  name: string,
  { replicas = 1, labels = { app: name } as Readonly<Record<string, string>>, spec = podSpec },
): Draft<ReplicaSet> {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

function aDeployment(name: string, labels: Readonly<Record<string, string>>): Draft<Deployment> {
  const { metadata, apiVersion } = aReplicaSet(name, {});
  const template = { metadata: { labels }, spec: podSpec };
  return { apiVersion, kind: 'Deployment', metadata, spec: { replicas: 2, selector: { matchLabels: labels }, template } };
}

/** Every write of anything moves it on by one. */
async function revisionOf({ client }: Cluster): Promise<number> {
  return Number((await client.resource(pods).list({ namespace: 'default' })).metadata.resourceVersion);
}

async function versionsOf({ client }: Cluster, types: readonly ResourceType<ApiObject>[]): Promise<readonly string[]> {
  const lists = await Promise.all(types.map((type) => client.resource(type).list({ namespace: 'default' })));
  return lists.flatMap(({ items }) => items.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`)).sort();
}

async function writesInTenMinutes(cluster: Cluster): Promise<number> {
  const before = await revisionOf(cluster);
  await cluster.clock.advance(10 * MINUTE_MS);
  await cluster.settle();
  return (await revisionOf(cluster)) - before;
}

test('a thousand ReplicaSets that are as they should be are looked at again without a write', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const { client, clock } = cluster;
  clock.freeze();
  const names = Array.from({ length: 1_000 }, (_, index) => `set-${index}`);
  for (const name of names) await client.resource(replicasets).create(aReplicaSet(name, { replicas: name.endsWith('7') ? 1 : 0 }));
  const isObserved = ({ status }: ReplicaSet) => status?.observedGeneration === 1;
  const isAtRest = async () => {
    const sets = (await client.resource(replicasets).list({ namespace: 'default' })).items;
    const made = (await client.resource(pods).list({ namespace: 'default' })).items;
    return sets.every(isObserved) && made.length === 100 && made.every(({ status }) => (status?.conditions ?? []).length > 0);
  };
  await clock.advanceUntil(isAtRest, { virtualMsMax: MINUTE_MS });
  await cluster.settle();
  const before = await versionsOf(cluster, [replicasets, pods]);
  // Who takes over begins with looking at all of them.
  cluster.crash('controller-manager');
  await clock.advance(MINUTE_MS);
  await cluster.settle();
  assert.deepEqual(await versionsOf(cluster, [replicasets, pods]), before);
});

test('ReplicaSets and Deployments that select each other’s pods leave each other’s pods alone', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const { client, clock } = cluster;
  clock.freeze();
  const labels = { app: 'shared' };
  for (const name of ['one', 'two']) await client.resource(replicasets).create(aReplicaSet(name, { replicas: 2, labels }));
  for (const name of ['three', 'four']) await client.resource(deployments).create(aDeployment(name, labels));
  const count = async () => (await client.resource(pods).list({ namespace: 'default' })).items.length;
  await clock.advanceUntil(async () => (await count()) === 8, { virtualMsMax: MINUTE_MS });
  await clock.advance(MINUTE_MS);
  assert.ok((await writesInTenMinutes(cluster)) <= WRITES_IN_TEN_MINUTES_MAX);
  assert.equal(await count(), 8);
});

test('pods that fit nowhere wait quietly', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  cluster.clock.freeze();
  const spec = { ...podSpec, nodeSelector: { 'example.com/moon': 'true' } };
  await cluster.client.resource(replicasets).create(aReplicaSet('moon', { replicas: 5, spec }));
  await cluster.clock.advance(MINUTE_MS);
  assert.ok((await writesInTenMinutes(cluster)) <= WRITES_IN_TEN_MINUTES_MAX);
});

test('what belongs to an owner that was never there goes, and then nothing happens', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const { client, clock } = cluster;
  clock.freeze();
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: 'nobody',
    uid: '00000000-0000-4000-8000-000000000000',
    controller: true,
  };
  const orphan = aReplicaSet('orphan', { replicas: 2 });
  await client.resource(replicasets).create({ ...orphan, metadata: { ...orphan.metadata, ownerReferences: [owner] } });
  const isGone = async () => (await versionsOf(cluster, [replicasets, pods])).length === 0;
  await clock.advanceUntil(isGone, { virtualMsMax: 5 * MINUTE_MS });
  assert.ok((await writesInTenMinutes(cluster)) <= WRITES_IN_TEN_MINUTES_MAX);
});

test('a quota of nothing is told of once, and tried against ever more rarely', async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const { client, clock } = cluster;
  clock.freeze();
  const quota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'nothing', namespace: 'default' },
    spec: { hard: { pods: '0' } },
  };
  await client.resource(resourcequotas).create(quota);
  const isCounted = async () =>
    (await client.resource(resourcequotas).get({ namespace: 'default', name: 'nothing' })).status?.used !== undefined;
  await clock.advanceUntil(isCounted, { virtualMsMax: MINUTE_MS });
  await client.resource(replicasets).create(aReplicaSet('refused', { replicas: 3 }));
  const failure = async () => {
    const { status } = await client.resource(replicasets).get({ namespace: 'default', name: 'refused' });
    return findCondition(status?.conditions, 'ReplicaFailure');
  };
  await clock.advanceUntil(async () => (await failure())?.status === 'True', { virtualMsMax: MINUTE_MS });
  assert.equal((await failure())?.reason, 'FailedCreate');
  assert.match((await failure())?.message ?? '', /exceeded quota: nothing, requested: pods=1, used: pods=0, limited: pods=0/);
  await clock.advance(MINUTE_MS);
  const writes = await writesInTenMinutes(cluster);
  assert.ok(writes > 0 && writes <= WRITES_IN_TEN_MINUTES_MAX, `${writes} writes`);
});
