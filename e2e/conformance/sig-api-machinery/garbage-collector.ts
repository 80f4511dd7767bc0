/**
 * The garbage collector: who goes with an owner, who stays, and who goes first. That something is *not* collected is told by a dependent of the same
 * owner that has to be: when that is gone, the collector knows that the owner is.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aPod, aTemplate } from '../framework/pods.ts';

/** Upstream takes as many as the nodes have room for, between 10 and 100. */
const MANY_REPLICAS = 10;
const CONTROLLERS = 'v1/replicationcontrollers';

const ownerReference = ({ apiVersion, kind, metadata: { name, uid } }: Json): Json => ({ apiVersion, kind, name, uid });

const isGoing = ({ metadata }: Json): boolean => metadata.deletionTimestamp !== undefined;

const anRc = (name: string, replicas: number, labels: Json): Json => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name },
  spec: { replicas, selector: labels, template: aTemplate(labels) },
});

const aDeployment = (name: string, labels: Json): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    strategy: { type: 'RollingUpdate' },
    selector: { matchLabels: labels },
    template: aTemplate(labels),
  },
});

async function createRc(t: TestScope, name: string, replicas: number): Promise<Json> {
  const created = await t.resource(CONTROLLERS).create(anRc(name, replicas, { gctest: name }));
  return { apiVersion: 'v1', kind: 'ReplicationController', ...created };
}

/** Has the server delete this very object. */
function deleteOwner(t: TestScope, resource: string, { metadata: { name, uid } }: Json, propagationPolicy: string): Promise<Json> {
  return t.resource(resource).delete(name, { propagationPolicy, preconditions: { uid } });
}

/** Resolves when the collector has seen that the owner is gone: a dependent made after it was deleted is collected. */
async function untilCollectorKnows(t: TestScope, owner: Json): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const metadata = { name: 'dependent-of-the-gone', ownerReferences: [ownerReference(owner)] };
  await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  await configMaps.untilGone('dependent-of-the-gone');
}

async function deletesPodsOfRc(t: TestScope): Promise<void> {
  const rc = await createRc(t, 'simpletest.rc', 2);
  const pods = t.resource('v1/pods');
  await pods.untilAll({}, 'the controller makes pods', (items) => items.length > 0);
  await deleteOwner(t, CONTROLLERS, rc, 'Background');
  await t.resource(CONTROLLERS).untilGone('simpletest.rc');
  await pods.untilAll({}, 'all pods are collected', (items) => items.length === 0);
}

async function orphansPodsOfRc(t: TestScope): Promise<void> {
  const rc = await createRc(t, 'simpletest.rc', MANY_REPLICAS);
  const controllers = t.resource(CONTROLLERS);
  await controllers.until('simpletest.rc', 'all pods are made', (found) => found?.status.replicas === MANY_REPLICAS);
  await deleteOwner(t, CONTROLLERS, rc, 'Orphan');
  await controllers.untilGone('simpletest.rc');
  await untilCollectorKnows(t, rc);
  const { items } = await t.resource('v1/pods').list();
  assert.equal(items.length, MANY_REPLICAS);
  assert.equal(items.some(isGoing), false);
}

async function deletesReplicaSet(t: TestScope): Promise<void> {
  const deployments = t.resource('apps/v1/deployments');
  const deployment = await deployments.create(aDeployment('simpletest.deployment', { gctest: 'delete-rs' }));
  const replicaSets = t.resource('apps/v1/replicasets');
  await replicaSets.untilAll({}, 'the deployment makes a ReplicaSet', (items) => items.length > 0);
  await deleteOwner(t, 'apps/v1/deployments', deployment, 'Background');
  await deployments.untilGone('simpletest.deployment');
  await replicaSets.untilAll({}, 'the ReplicaSet is collected', (items) => items.length === 0);
  await t.resource('v1/pods').untilAll({}, 'its pods are collected', (items) => items.length === 0);
}

async function orphansReplicaSet(t: TestScope): Promise<void> {
  const deployments = t.resource('apps/v1/deployments');
  const created = await deployments.create(aDeployment('simpletest.deployment', { gctest: 'orphan-rs' }));
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', ...created };
  const replicaSets = t.resource('apps/v1/replicasets');
  await replicaSets.untilAll({}, 'the ReplicaSet has made its pods', ([replicaSet]) => replicaSet?.status.replicas === 2);
  await deleteOwner(t, 'apps/v1/deployments', deployment, 'Orphan');
  await deployments.untilGone('simpletest.deployment');
  await untilCollectorKnows(t, deployment);
  const { items } = await replicaSets.list();
  assert.equal(items.length, 1);
  assert.deepEqual(items[0].metadata.ownerReferences ?? [], []);
  const pods = (await t.resource('v1/pods').list()).items;
  assert.equal(pods.filter((pod: Json) => !isGoing(pod)).length, 2);
}

/** At every moment that the watch of pods tells of, the controller is there as long as one of its pods is. */
async function keepsRcUntilPodsAreGone(t: TestScope): Promise<void> {
  const rc = await createRc(t, 'simpletest.rc', MANY_REPLICAS);
  const controllers = t.resource(CONTROLLERS);
  await controllers.until('simpletest.rc', 'all pods are made', (found) => found?.status.replicas === MANY_REPLICAS);
  const list = await controllers.list();
  const watch = await controllers.watch({ resourceVersion: list.metadata.resourceVersion });
  await deleteOwner(t, CONTROLLERS, rc, 'Foreground');
  const marked = await controllers.until(
    'simpletest.rc',
    'the controller waits for its pods',
    (found) => found !== undefined && isGoing(found) && found,
  );
  assert.ok(marked.metadata.finalizers.includes('foregroundDeletion'));
  const deleted = await watch.until('the controller is gone', ({ type }) => type === 'DELETED', 120_000);
  // All that existed when it was deleted, by the version of that very deletion.
  const { resourceVersion } = deleted.object.metadata;
  const left = await t.resource('v1/pods').list({ resourceVersion, resourceVersionMatch: 'Exact' });
  assert.deepEqual(
    left.items.map((pod: Json) => pod.metadata.name),
    [],
  );
}

async function keepsDependentsOfTwo(t: TestScope): Promise<void> {
  const first = await createRc(t, 'simpletest-rc-to-be-deleted', MANY_REPLICAS);
  const second = await createRc(t, 'simpletest-rc-to-stay', 0);
  const controllers = t.resource(CONTROLLERS);
  const pods = t.resource('v1/pods');
  const labelSelector = `gctest=${first.metadata.name}`;
  await controllers.until(first.metadata.name, 'all pods are made', (found) => found?.status.replicas === MANY_REPLICAS);
  const { items } = await pods.list({ labelSelector });
  const kept = items.slice(0, MANY_REPLICAS / 2);
  for (const { metadata } of kept) {
    const patch = { metadata: { ownerReferences: [...metadata.ownerReferences, ownerReference(second)] } };
    await pods.patch(metadata.name, patch, { type: 'merge' });
  }
  await deleteOwner(t, CONTROLLERS, first, 'Foreground');
  await controllers.untilGone(first.metadata.name);
  const left = await pods.untilAll({ labelSelector }, 'half of the pods are left', (found) => found.length <= kept.length && found);
  assert.deepEqual(left.map((pod) => pod.metadata.name).sort(), kept.map((pod: Json) => pod.metadata.name).sort());
  for (const pod of left) {
    assert.equal(isGoing(pod), false);
    assert.deepEqual(
      pod.metadata.ownerReferences.map(({ name }: Json) => name),
      [second.metadata.name],
    );
  }
}

async function breaksCircle(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const [one, two, three] = await Promise.all(['pod1', 'pod2', 'pod3'].map((name) => pods.create(aPod(name))));
  const own = (pod: Json, owner: Json) => {
    const reference = { ...ownerReference({ apiVersion: 'v1', kind: 'Pod', ...owner }), controller: true, blockOwnerDeletion: true };
    return pods.patch(pod.metadata.name, { metadata: { ownerReferences: [reference] } });
  };
  await own(one, three);
  await own(two, one);
  await own(three, two);
  await pods.delete('pod1', { propagationPolicy: 'Foreground', preconditions: { uid: one.metadata.uid } });
  await pods.untilAll({}, 'all three pods are collected', (items) => items.length === 0);
}

const PREFIX = '[sig-api-machinery] Garbage collector';

export const garbageCollectorTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should delete pods created by rc when not orphaning [Conformance]`, run: deletesPodsOfRc },
  { name: `${PREFIX} should orphan pods created by rc if delete options say so [Conformance] [Serial]`, run: orphansPodsOfRc },
  { name: `${PREFIX} should delete RS created by deployment when not orphaning [Conformance]`, run: deletesReplicaSet },
  {
    name: `${PREFIX} should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]`,
    run: orphansReplicaSet,
  },
  {
    name: `${PREFIX} should keep the rc around until all its pods are deleted if the deleteOptions says so [Conformance] [Serial]`,
    run: keepsRcUntilPodsAreGone,
  },
  {
    name: `${PREFIX} should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Conformance] [Serial]`,
    run: keepsDependentsOfTwo,
  },
  { name: `${PREFIX} should not be blocked by dependency circle [Conformance]`, run: breaksCircle },
];
