/** What `kubectl debug` adds to a pod: it starts at once, runs once, holds nothing up and is no part of how the pod is doing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, events, pods } from '#api/generated/resources.ts';
import type { EphemeralContainer } from '#api/generated/types.ts';
import { aContainer, createReadyNode, type SimulatedNode } from './testing/simulated-node.ts';

async function debug(node: SimulatedNode, container: Partial<EphemeralContainer> = {}): Promise<void> {
  const pod = await node.findPod('web');
  assert.ok(pod);
  const ephemeralContainers = [{ ...aContainer('debugger'), ...container }];
  await node.client.resource(pods).update({ ...pod, spec: { ...pod.spec, ephemeralContainers } });
  await node.settle();
}

const statusOf = async (node: SimulatedNode) => (await node.findPod('web'))?.status?.ephemeralContainerStatuses?.[0];

test('an ephemeral container runs beside the others, and its end changes nothing', async (t) => {
  const node = await createReadyNode({
    behave: ({ identity }) => (identity.containerName === 'debugger' ? { exitsAfterMs: 1_000, exitCode: 3 } : {}),
  });
  t.after(() => node.stop());
  await node.createPod('web', {});
  await node.settle();
  await debug(node);
  const status = await statusOf(node);
  assert.ok(status?.state?.running);
  assert.deepEqual([status.ready, status.started, status.restartCount], [false, undefined, 0]);
  await node.settle(60_000);
  const pod = await node.findPod('web');
  assert.equal((await statusOf(node))?.state?.terminated?.exitCode, 3);
  assert.equal(pod?.status?.phase, 'Running');
  assert.equal(pod?.status?.containerStatuses?.[0]?.ready, true);
  assert.equal(node.runtime.calls.filter((call) => call.startsWith('start debugger')).length, 1);
  const paths = (await node.client.resource(events).list()).items.map(({ involvedObject }) => involvedObject.fieldPath);
  assert.ok(paths.includes('spec.ephemeralContainers{debugger}'));
});

test('an ephemeral container does not wait for an init container that hangs', async (t) => {
  const node = await createReadyNode();
  t.after(() => node.stop());
  await node.createPod('web', { initContainers: [aContainer('one')] });
  await node.settle();
  await debug(node);
  assert.ok((await statusOf(node))?.state?.running);
});

test('an ephemeral container sees the processes of the container it debugs', async (t) => {
  const node = await createReadyNode();
  t.after(() => node.stop());
  await node.createPod('web', {});
  await node.settle();
  await debug(node, { targetContainerName: 'web' });
  const idOf = (name: string) => node.runtime.all().find(({ identity }) => identity.containerName === name)?.id ?? '';
  assert.deepEqual(node.runtime.specOf(idOf('debugger'))?.pidMode, { sharedWithId: idOf('web') });
});

test('what an ephemeral container refers to is looked up, though the pod was there before it', async (t) => {
  const node = await createReadyNode();
  t.after(() => node.stop());
  const metadata = { name: 'settings', namespace: 'default' };
  await node.client.resource(configmaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { colour: 'blue' } });
  await node.createPod('web', {});
  await node.settle();
  await debug(node, { env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }] });
  await node.settle(15_000);
  assert.ok((await statusOf(node))?.state?.running);
});

test('a pod that has done its work ends, whatever its ephemeral container is at', async (t) => {
  const node = await createReadyNode({ behave: ({ identity }) => (identity.containerName === 'web' ? { exitsAfterMs: 5_000 } : {}) });
  t.after(() => node.stop());
  await node.createPod('web', { restartPolicy: 'Never' });
  await node.settle();
  await debug(node);
  await node.settle(10_000);
  assert.equal((await node.findPod('web'))?.status?.phase, 'Succeeded');
  assert.ok(node.runtime.calls.includes('stop debugger/0'));
});
