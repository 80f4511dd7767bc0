import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, persistentvolumeclaims, pods, replicationcontrollers, resourcequotas } from '#api/generated/resources.ts';
import { aReadyNode, startPlayedCluster } from './testing/played-cluster.ts';

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'run' }] } };
const key = { namespace: 'default', name: 'web' };

test('a ReplicationController keeps its pods, adopts, releases, and tells what a quota refuses', async () => {
  const cluster = await startPlayedCluster(['a']);
  try {
    const { admin, until } = cluster;
    const controllers = admin.resource(replicationcontrollers);
    const statusOf = async () => (await controllers.get(key)).status;
    await admin.resource(nodes).create(aReadyNode('n'));
    await admin
      .resource(pods)
      .create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'orphan', namespace: 'default', labels }, spec: template.spec });
    await controllers.create({
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: key,
      spec: { replicas: 2, selector: labels, template },
    });
    await until('two are ready', async () => (await statusOf())?.readyReplicas === 2);
    const owned = await admin.resource(pods).list({ namespace: 'default' });
    assert.equal(owned.items.length, 2, 'the orphan is one of them');
    assert.deepEqual(
      owned.items.map(({ metadata }) => metadata.ownerReferences?.[0]?.kind),
      ['ReplicationController', 'ReplicationController'],
    );
    await admin.resource(pods).patch({ namespace: 'default', name: 'orphan' }, 'merge', { metadata: { labels: { app: 'mine' } } });
    await until('it was replaced', async () => (await cluster.namesOf(pods)).length === 3 && (await statusOf())?.replicas === 2);
    const released = await admin.resource(pods).get({ namespace: 'default', name: 'orphan' });
    assert.equal(released.metadata.ownerReferences, undefined);

    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'default' }, spec: { hard: { pods: '3' } } };
    await admin.resource(resourcequotas).create(quota);
    await until(
      'the quota is counted',
      async () => (await admin.resource(resourcequotas).get({ namespace: 'default', name: 'q' })).status?.used?.pods === '3',
    );
    await controllers.patch(key, 'merge', { spec: { replicas: 3 } });
    await until('the refusal is told', async () => (await statusOf())?.conditions?.[0]?.reason === 'FailedCreate');
    assert.match((await statusOf())?.conditions?.[0]?.message ?? '', /exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3/);
    await controllers.patch(key, 'merge', { spec: { replicas: 2 } });
    await until('nothing is refused any more', async () => (await statusOf())?.conditions === undefined);
  } finally {
    await cluster.stop();
  }
});

test('a claim that is deleted stays while a pod uses it', async () => {
  const cluster = await startPlayedCluster(['a']);
  try {
    const { admin, until } = cluster;
    const claim = { namespace: 'default', name: 'data' };
    await admin.resource(nodes).create(aReadyNode('n'));
    await admin.resource(persistentvolumeclaims).create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: claim,
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    await admin.resource(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: key, spec: { ...template.spec, volumes } });
    await until('it runs', async () => (await admin.resource(pods).get(key)).status?.phase === 'Running');
    await admin.resource(persistentvolumeclaims).delete(claim);
    assert.deepEqual((await admin.resource(persistentvolumeclaims).get(claim)).metadata.finalizers, ['kubernetes.io/pvc-protection']);
    await admin.resource(pods).delete(key, { gracePeriodSeconds: 0 });
    await until('the claim goes', async () => (await cluster.namesOf(persistentvolumeclaims)).length === 0);
  } finally {
    await cluster.stop();
  }
});
