import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, nodes, pods, resourcequotas } from '#api/generated/resources.ts';
import type { ConfigMap, Pod, ResourceQuota } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { type QuotaSnapshot, reconcileQuota } from './resource-quota.ts';
import { aPod, metadataOf, NOW_MS } from './testing/builders.ts';
import { aReadyNode, startPlayedCluster } from './testing/played-cluster.ts';

const isQuota = (object: object): object is ResourceQuota => 'kind' in object && object.kind === 'ResourceQuota';

function aQuota(spec: ResourceQuota['spec'], status?: ResourceQuota['status']): ResourceQuota {
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadataOf('limits'), spec };
  return status === undefined ? quota : { ...quota, status };
}

function snapshotOf(quota: ResourceQuota, objects: readonly Pod[]): QuotaSnapshot {
  return { quota, content: [{ type: pods, objects }], nowMs: NOW_MS };
}

/** The status that was written, and whether it is counted again at once. */
function outcomeOf(snapshot: QuotaSnapshot) {
  const actions = reconcileQuota(snapshot);
  const [written] = actions.flatMap((action) => (action.verb === 'updateStatus' && isQuota(action.object) ? [action.object.status] : []));
  const again = actions.find((action) => action.verb === 'requeue');
  return { written, isCountedAgain: again?.verb === 'requeue' && again.afterMs === 0 };
}

const asking = (name: string, cpu: string, more: Partial<Pod['spec']> = {}): Pod => {
  const pod = aPod(name);
  return { ...pod, spec: { ...pod.spec, containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...more } };
};
const ended = (name: string): Pod => ({ ...asking(name, '1'), status: { phase: 'Succeeded' } });

test('a new quota is counted, and once more when it is in force', () => {
  const outcome = outcomeOf(
    snapshotOf(aQuota({ hard: { pods: '5', 'requests.cpu': '4' } }), [asking('a', '500m'), asking('b', '1'), ended('c')]),
  );
  assert.deepEqual(outcome, {
    written: { hard: { pods: '5', 'requests.cpu': '4' }, used: { pods: '2', 'requests.cpu': '1500m' } },
    isCountedAgain: true,
  });
});

test('a quota whose count is right is left alone', () => {
  const hard = { 'count/pods': '5' };
  const outcome = outcomeOf(snapshotOf(aQuota({ hard }, { hard, used: { 'count/pods': '2' } }), [asking('a', '1'), ended('b')]));
  assert.deepEqual(outcome, { written: undefined, isCountedAgain: false });
});

test('a scope leaves out what it does not name', () => {
  const hard = { pods: '5' };
  const quota = aQuota({ hard, scopes: ['Terminating'] }, { hard, used: { pods: '2' } });
  const outcome = outcomeOf(snapshotOf(quota, [asking('a', '1', { activeDeadlineSeconds: 60 }), asking('b', '1')]));
  assert.deepEqual(outcome.written?.used, { pods: '1' });
});

test('what nobody serves keeps its figure', () => {
  const hard = { 'count/widgets.example.com': '5' };
  const outcome = outcomeOf(snapshotOf(aQuota({ hard }, { used: { 'count/widgets.example.com': '3' } }), []));
  assert.deepEqual(outcome.written?.used, { 'count/widgets.example.com': '3' });
});

test('a quota is enforced exactly however many write at once, and gives back what is deleted', async () => {
  const cluster = await startPlayedCluster(['a']);
  try {
    const { admin, until } = cluster;
    await admin.resource(nodes).create(aReadyNode('n'));
    await admin.resource(resourcequotas).create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace: 'default' },
      spec: { hard: { 'count/configmaps': '8', pods: '1' } },
    });
    const usedOf = async (name: string) =>
      (await admin.resource(resourcequotas).get({ namespace: 'default', name: 'q' })).status?.used?.[name];
    // The cluster's authority is in every namespace.
    await until('the quota is counted', async () => (await usedOf('count/configmaps')) === '1');
    const made = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => admin.resource(configmaps).create(aConfigMap(`m${index}`))),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 7);
    const refusals = made.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.ok(refusals.every((error) => isReason(error, 'Forbidden')));
    const [first] = await cluster.namesOf(configmaps);
    assert.equal(await usedOf('count/configmaps'), '8');
    const doomed = (await cluster.namesOf(configmaps)).find((name) => name.startsWith('m'));
    await admin.resource(configmaps).delete({ namespace: 'default', name: doomed ?? first ?? '' });
    await until('the deletion is noticed', async () => (await usedOf('count/configmaps')) === '7');
    await admin.resource(configmaps).create(aConfigMap('again'));
  } finally {
    await cluster.stop();
  }
});

function aConfigMap(name: string): ConfigMap & ApiObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadataOf(name, { resourceVersion: '' }) };
}
