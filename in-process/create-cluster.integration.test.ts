/** The in-process cluster on a real etcd: the same components, the same virtual clock. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deployments, pods } from '#api/generated/resources.ts';
import { type EtcdContainer, startEtcd } from '../apiserver/storage/testing/etcd-container.ts';
import { createCluster } from './create-cluster.ts';

let etcd: EtcdContainer;
before(async () => {
  etcd = await startEtcd();
});
after(() => etcd.stop());

test('a cluster on etcd runs pods in virtual time, and is reset', async () => {
  await using cluster = await createCluster({ nodes: 2, etcd: { endpoints: [etcd.endpoint] }, pods: () => ({ readyAfterMs: 45_000 }) });
  cluster.clock.freeze();
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:v1' }] } };
  await cluster.client.resource(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
  });
  const deployment = () => cluster.client.resource(deployments).get({ namespace: 'default', name: 'web' });
  const tookMs = await cluster.clock.advanceUntil(async () => (await deployment()).status?.readyReplicas === 3, { virtualMsMax: 120_000 });
  assert.ok(tookMs >= 44_000 && tookMs < 60_000, `${tookMs}`);
  await cluster.reset();
  assert.deepEqual((await cluster.client.resource(pods).list({ namespace: 'default' })).items, []);
});
