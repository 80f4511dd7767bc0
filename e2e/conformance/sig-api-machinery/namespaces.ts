/** Namespaces: their content goes with them, pods first; they can be patched, updated, given a status and a finalizer. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aPod, untilRunning } from '../framework/pods.ts';

const NAMESPACES = 'v1/namespaces';
/** Upstream gives it a minute, and the pod's grace beyond. */
const REMOVAL_MS_MAX = 90_000;

/** Deletes the namespace with what it holds, waits, makes it anew and asserts that it is empty. */
async function recreate(t: TestScope, name: string): Promise<void> {
  const namespaces = t.resource(NAMESPACES, '');
  await namespaces.delete(name);
  await namespaces.untilGone(name, REMOVAL_MS_MAX);
  await namespaces.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

async function removesPods(t: TestScope): Promise<void> {
  const name = await t.createNamespace('nsdeletetest');
  const pods = t.resource('v1/pods', name);
  await pods.create(aPod('test-pod'));
  await untilRunning(pods, 'test-pod');
  await recreate(t, name);
  await expectRefusal(pods.get('test-pod'), { reason: 'NotFound' });
}

async function removesServices(t: TestScope): Promise<void> {
  const name = await t.createNamespace('nsdeletetest');
  const services = t.resource('v1/services', name);
  const spec = { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] };
  await services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'test-service' }, spec });
  await recreate(t, name);
  await expectRefusal(services.get('test-service'), { reason: 'NotFound' });
}

async function isPatched(t: TestScope): Promise<void> {
  const name = await t.createNamespace('nspatchtest');
  const namespaces = t.resource(NAMESPACES, '');
  await namespaces.patch(name, { metadata: { labels: { testLabel: 'testValue' } } }, { type: 'strategic' });
  assert.equal((await namespaces.get(name)).metadata.labels.testLabel, 'testValue');
}

async function isUpdated(t: TestScope): Promise<void> {
  const namespaces = t.resource(NAMESPACES, '');
  const updated = await namespaces.change(t.namespace, (namespace) => {
    namespace.metadata.labels[t.namespace] = 'updated';
  });
  assert.equal(updated.metadata.labels[t.namespace], 'updated');
  assert.equal((await namespaces.get(t.namespace)).metadata.labels[t.namespace], 'updated');
}

const conditionOf = (namespace: Json, type: string): Json =>
  namespace.status.conditions?.find((condition: Json) => condition.type === type);

async function hasStatus(t: TestScope): Promise<void> {
  const name = await t.createNamespace('nsstatustest');
  const namespaces = t.resource(NAMESPACES, '');
  const read = await namespaces.get(name, 'status');
  assert.equal(read.status.phase, 'Active');
  assert.equal(conditionOf(read, 'StatusPatch'), undefined);
  const patch = { status: { conditions: [{ type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'Patched by an e2e test' }] } };
  const patched = await namespaces.patch(name, patch, { subresource: 'status' });
  assert.equal(conditionOf(patched, 'StatusPatch').reason, 'E2E');
  const updated = await namespaces.change(
    name,
    (namespace) => {
      const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Updated by an e2e test' };
      namespace.status.conditions = [...(namespace.status.conditions ?? []), condition];
    },
    'status',
  );
  assert.equal(conditionOf(updated, 'StatusUpdate').message, 'Updated by an e2e test');
  assert.equal(conditionOf(updated, 'StatusPatch').message, 'Patched by an e2e test');
}

async function takesFinalizer(t: TestScope): Promise<void> {
  const name = await t.createNamespace('e2e-ns');
  const namespaces = t.resource(NAMESPACES, '');
  const finalizer = 'e2e.example.com/fakeFinalizer';
  const given = await namespaces.change(
    name,
    (namespace) => {
      namespace.spec.finalizers = ['kubernetes', finalizer];
    },
    'finalize',
  );
  assert.ok(given.spec.finalizers.includes(finalizer));
  const taken = await namespaces.change(
    name,
    (namespace) => {
      namespace.spec.finalizers = ['kubernetes'];
    },
    'finalize',
  );
  assert.deepEqual(taken.spec.finalizers, ['kubernetes']);
}

/** A pod that a finalizer holds back keeps all else in its namespace in being, and the namespace says why. */
async function deletesPodsFirst(t: TestScope): Promise<void> {
  const name = await t.createNamespace('namespace-deletion');
  const namespaces = t.resource(NAMESPACES, '');
  const pods = t.resource('v1/pods', name);
  const configMaps = t.resource('v1/configmaps', name);
  const pod = aPod('held');
  pod.metadata.finalizers = ['e2e.example.com/finalizer'];
  t.cleanUp(() => pods.patch('held', { metadata: { finalizers: null } }));
  await pods.create(pod);
  await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'waits' }, data: { key: 'value' } });
  await namespaces.delete(name);
  await pods.until('held', 'the pod is being deleted', (found) => found?.metadata.deletionTimestamp !== undefined);
  await namespaces.until(name, 'the namespace tells that content remains', (found) => {
    if (found === undefined) throw new Error('the namespace is gone before its pod');
    return conditionOf(found, 'NamespaceContentRemaining')?.status === 'True';
  });
  assert.equal((await configMaps.get('waits')).metadata.deletionTimestamp, undefined, 'the ConfigMap waits for the pod');
  await pods.patch('held', { metadata: { finalizers: null } });
  await namespaces.untilGone(name, REMOVAL_MS_MAX);
}

export const namespaceTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] Namespaces should ensure that all pods are removed when a namespace is deleted [Conformance] [Serial]',
    run: removesPods,
  },
  {
    name: '[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted [Conformance] [Serial]',
    run: removesServices,
  },
  { name: '[sig-api-machinery] Namespaces should patch a Namespace [Conformance] [Serial]', run: isPatched },
  { name: '[sig-api-machinery] Namespaces should apply changes to a namespace status [Conformance] [Serial]', run: hasStatus },
  { name: '[sig-api-machinery] Namespaces should apply an update to a Namespace [Conformance] [Serial]', run: isUpdated },
  { name: '[sig-api-machinery] Namespaces should apply a finalizer to a Namespace [Conformance] [Serial]', run: takesFinalizer },
  { name: '[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first [Conformance]', run: deletesPodsFirst },
];
