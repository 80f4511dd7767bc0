/** A controller manager that starts anew looks at everything there is; where nothing is to be done, nothing is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, replicasets } from '#api/generated/resources.ts';
import { createMemoryStorage } from '../apiserver/storage/memory-storage.ts';
import { type Cluster, createCluster } from './create-cluster.ts';

const SETS = 1_000;
const PODS = SETS / 10;
const CLIENTS = 16;

/** One in ten has a pod, which without a scheduler only waits: that takes the fewest writes. */
function createSet({ client }: Cluster, index: number) {
  const labels = { set: String(index) };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:v1' }] } };
  const metadata = { name: `set-${index}`, namespace: 'default' };
  const spec = { replicas: index % 10 === 0 ? 1 : 0, selector: { matchLabels: labels }, template };
  return client.resource(replicasets).create({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec });
}

const podsOf = async ({ client }: Cluster) => (await client.resource(pods).list({ namespace: 'default' })).items;

/** A creation that came too early, before the namespace's service account, is tried again after a pause. */
async function untilAllHavePods(cluster: Cluster): Promise<void> {
  await cluster.clock.advanceUntil(async () => (await podsOf(cluster)).length === PODS, { virtualMsMax: 60_000 });
  await cluster.settle();
}

test('a thousand ReplicaSets that are as they should be are resynced without a write', async () => {
  const storage = createMemoryStorage();
  await using cluster = await createCluster({ nodes: 0, scheduler: false, storage });
  let next = 0;
  const work = async () => {
    for (let index = next++; index < SETS; index = next++) await createSet(cluster, index);
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
  await untilAllHavePods(cluster);
  const made = await podsOf(cluster);

  const before = await storage.currentRevision();
  cluster.crash('controller-manager');
  await cluster.settle();
  assert.equal(await storage.currentRevision(), before);

  // It is there, and acts.
  const [pod = assert.fail()] = made;
  await cluster.client.resource(pods).delete({ namespace: 'default', name: pod.metadata.name }, { gracePeriodSeconds: 0 });
  await untilAllHavePods(cluster);
});
