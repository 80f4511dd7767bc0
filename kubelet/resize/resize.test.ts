/** A pod that is resized on a simulated node: what the engine is asked, what its status tells meanwhile. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { events, pods } from '#api/generated/resources.ts';
import type { Container } from '#api/generated/types.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { aContainer, createReadyNode, type SimulatedNode, type SimulatedNodeOptions } from '../testing/simulated-node.ts';

const asking = (cpu: string) => ({ requests: { cpu, memory: '64Mi' }, limits: { cpu, memory: '64Mi' } });

async function aNode(t: TestContext, container: Partial<Container> = {}, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const node = await createReadyNode(options);
  t.after(() => node.stop());
  await node.createPod('web', { containers: [aContainer('web', { resources: asking('500m'), ...container })] });
  await node.settle();
  return node;
}

async function resize(node: SimulatedNode, cpu: string): Promise<void> {
  const pod = await node.findPod('web');
  assert.ok(pod);
  const containers = pod.spec.containers.map((container) => ({ ...container, resources: asking(cpu) }));
  await node.client.resource(pods).update({ ...pod, spec: { ...pod.spec, containers } });
  await node.settle();
}

const statusOf = async (node: SimulatedNode) => (await node.findPod('web'))?.status?.containerStatuses?.[0];
const conditionOf = async (node: SimulatedNode, type: string) =>
  (await node.findPod('web'))?.status?.conditions?.find((condition) => condition.type === type);
const reasonsOf = async (node: SimulatedNode) => (await node.client.resource(events).list()).items.map(({ reason }) => reason);
const cpuSharesOf = (node: SimulatedNode) =>
  node.runtime.all().findLast(({ identity }) => identity.containerName === 'web')?.resources.cpuShares;

test('a running container gets its new resources without a restart', async (t) => {
  const node = await aNode(t);
  assert.deepEqual((await statusOf(node))?.resources, asking('500m'));
  await resize(node, '1');
  const status = await statusOf(node);
  assert.deepEqual([status?.resources, status?.allocatedResources, status?.restartCount], [asking('1'), asking('1').requests, 0]);
  assert.equal(cpuSharesOf(node), 1024);
  assert.equal(await conditionOf(node, 'PodResizeInProgress'), undefined);
  const reasons = await reasonsOf(node);
  assert.ok(reasons.includes('ResizeStarted') && reasons.includes('ResizeCompleted'));
});

test('a container that wants it so begins anew with its new resources', async (t) => {
  const node = await aNode(t, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] });
  await resize(node, '1');
  await node.settle(1_000);
  const status = await statusOf(node);
  assert.deepEqual([status?.resources, status?.restartCount], [asking('1'), 1]);
  assert.equal(cpuSharesOf(node), 1024);
  assert.ok(!node.runtime.calls.includes('update web/0'));
});

test('a resize that does not fit waits for room, and gets it when another pod goes', async (t) => {
  const node = await aNode(t);
  await node.createPod('other', { containers: [aContainer('other', { resources: asking('1') })] });
  await node.settle();
  await resize(node, '1500m');
  const pending = await conditionOf(node, 'PodResizePending');
  assert.deepEqual([pending?.status, pending?.reason], ['True', 'Deferred']);
  assert.deepEqual((await statusOf(node))?.allocatedResources, asking('500m').requests);
  assert.equal(cpuSharesOf(node), 512);
  await node.client.resource(pods).delete({ namespace: 'default', name: 'other' });
  await node.settle(1_000);
  assert.equal(await conditionOf(node, 'PodResizePending'), undefined);
  assert.equal(cpuSharesOf(node), 1536);
});

test('a pod that was not granted a resize restarts with what it has, under the next kubelet too', async (t) => {
  const node = await aNode(t);
  await resize(node, '64');
  assert.equal((await conditionOf(node, 'PodResizePending'))?.reason, 'Infeasible');
  node.crash();
  await node.boot();
  const id = node.runtime.all().findLast(({ identity }) => identity.containerName === 'web')?.id ?? '';
  node.runtime.exit(id, 1);
  await node.settle(1_000);
  assert.equal((await statusOf(node))?.restartCount, 1);
  assert.equal(cpuSharesOf(node), 512);
});

test('an engine that refuses is told of and asked again', async (t) => {
  let isBusy = true;
  const onCall = (call: string): void => {
    if (call === 'update' && isBusy) throw new RuntimeError('Refused', 'device or resource busy');
  };
  const node = await aNode(t, {}, { onCall });
  await resize(node, '1');
  const condition = await conditionOf(node, 'PodResizeInProgress');
  assert.deepEqual([condition?.status, condition?.reason, condition?.message], ['True', 'Error', 'device or resource busy']);
  assert.deepEqual((await statusOf(node))?.resources, asking('500m'));
  isBusy = false;
  await node.settle(11_000);
  assert.equal(cpuSharesOf(node), 1024);
  assert.equal(await conditionOf(node, 'PodResizeInProgress'), undefined);
});
