/** Objects about nodes and what runs on them: RuntimeClasses, Leases, Nodes. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aPod } from '../framework/pods.ts';

const CLASSES = 'node.k8s.io/v1/runtimeclasses';

const aRuntimeClass = (name: string, spec: Json = {}): Json => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name },
  handler: 'e2e-handler',
  ...spec,
});

async function createRuntimeClass(t: TestScope, spec: Json = {}): Promise<string> {
  const name = `e2e-${t.suffix}`;
  await t.resource(CLASSES, '').create(aRuntimeClass(name, spec));
  t.cleanUp(() => t.resource(CLASSES, '').delete(name));
  return name;
}

/** Whether a kubelet can run it is another matter, which depends on what is installed on the node. */
async function schedule(t: TestScope, runtimeClassName: string): Promise<Json> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('classed', { spec: { runtimeClassName } }));
  return pods.until('classed', 'it is scheduled', (pod) => pod?.spec.nodeName !== undefined && pod);
}

async function rejectsUnknownClass(t: TestScope): Promise<void> {
  const pod = aPod('classed', { spec: { runtimeClassName: `${t.namespace}-nonexistent` } });
  await expectRefusal(t.resource('v1/pods').create(pod), { reason: 'Forbidden' });
}

async function rejectsDeletedClass(t: TestScope): Promise<void> {
  const runtimeClassName = await createRuntimeClass(t);
  await t.resource(CLASSES, '').delete(runtimeClassName);
  await t.resource(CLASSES, '').untilGone(runtimeClassName);
  await expectRefusal(t.resource('v1/pods').create(aPod('classed', { spec: { runtimeClassName } })), { reason: 'Forbidden' });
}

async function schedulesWithoutOverhead(t: TestScope): Promise<void> {
  assert.equal((await schedule(t, await createRuntimeClass(t))).spec.overhead, undefined);
}

async function schedulesWithOverhead(t: TestScope): Promise<void> {
  const podFixed = { cpu: '10m', memory: '1Mi' };
  const { spec } = await schedule(t, await createRuntimeClass(t, { overhead: { podFixed } }));
  assert.deepEqual(spec.overhead, podFixed);
}

const LEASES = 'coordination.k8s.io/v1/leases';

const aLease = (name: string, spec: Json, labels: Json = {}): Json => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, labels },
  spec,
});

async function offersLeases(t: TestScope): Promise<void> {
  const leases = t.resource(LEASES);
  const spec: Json = {
    holderIdentity: 'holder',
    leaseDurationSeconds: 30,
    acquireTime: '2026-01-01T00:00:00.000000Z',
    renewTime: '2026-01-01T00:00:05.000000Z',
    leaseTransitions: 0,
  };
  await leases.create(aLease('lease', spec));
  assert.deepEqual((await leases.get('lease')).spec, spec);
  const updated = { ...spec, holderIdentity: 'holder2', leaseDurationSeconds: 60, leaseTransitions: 1 };
  await leases.change('lease', (lease) => {
    lease.spec = updated;
  });
  assert.deepEqual((await leases.get('lease')).spec, updated);
  const patched = { ...updated, holderIdentity: 'holder3', leaseDurationSeconds: 90, leaseTransitions: 2 };
  await leases.patch('lease', { spec: patched }, { type: 'strategic' });
  assert.deepEqual((await leases.get('lease')).spec, patched);
  await leases.create(aLease('lease2', spec, { deletecollection: 'true' }));
  const names = async () => (await leases.list()).items.map(({ metadata }: Json) => metadata.name);
  assert.deepEqual(await names(), ['lease', 'lease2']);
  await leases.deleteCollection({ labelSelector: 'deletecollection=true' });
  assert.deepEqual(await names(), ['lease']);
  await leases.delete('lease');
  await expectRefusal(leases.get('lease'), { reason: 'NotFound' });
}

const NODES = 'v1/nodes';

async function livesNode(t: TestScope): Promise<void> {
  const nodes = t.resource(NODES, '');
  const name = `e2e-fake-node-${t.suffix}`;
  t.cleanUp(() => nodes.delete(name));
  const created = await nodes.create({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable: true } });
  assert.equal(created.metadata.name, name);
  assert.equal((await nodes.get(name)).metadata.name, name);
  const patched = await nodes.patch(name, { metadata: { labels: { [name]: 'patched' } } }, { type: 'strategic' });
  assert.equal(patched.metadata.labels[name], 'patched');
  const { items } = await nodes.list({ labelSelector: `${name}=patched` });
  assert.deepEqual(
    items.map(({ metadata }: Json) => metadata.name),
    [name],
  );
  const updated = await nodes.change(name, (node) => {
    node.metadata.labels[name] = 'updated';
  });
  assert.equal(updated.metadata.labels[name], 'updated');
  await nodes.delete(name);
  await nodes.untilGone(name);
}

const PREFIX = '[sig-node] RuntimeClass should';

export const nodeObjectTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} reject a Pod requesting a non-existent RuntimeClass [Conformance] [NodeConformance]`, run: rejectsUnknownClass },
  { name: `${PREFIX} reject a Pod requesting a deleted RuntimeClass [Conformance] [NodeConformance]`, run: rejectsDeletedClass },
  {
    name: `${PREFIX} schedule a Pod requesting a RuntimeClass without PodOverhead [Conformance] [NodeConformance]`,
    run: schedulesWithoutOverhead,
  },
  {
    name: `${PREFIX} schedule a Pod requesting a RuntimeClass and initialize its Overhead [Conformance] [NodeConformance]`,
    run: schedulesWithOverhead,
  },
  {
    name: `${PREFIX} support RuntimeClasses API operations [Conformance]`,
    run: (t) => checkApiOperations(t, { resource: CLASSES, anObject: aRuntimeClass }),
  },
  { name: '[sig-node] Lease lease API should be available [Conformance]', run: offersLeases },
  { name: '[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]', run: livesNode },
];
