/** Static pods on a simulated node: they run from their manifests, and the API sees them through their mirrors. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pods } from '#api/generated/resources.ts';
import { createReadyNode, type SimulatedNode, type SimulatedNodeOptions } from '../testing/simulated-node.ts';
import { planMirror, readStaticPod } from './manifest.ts';

const manifest = (command = 'run') => `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  containers: [{ name: web, image: 'web:v1', command: ['${command}'] }]
`;

async function aNode(t: TestContext, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const node = await createReadyNode(options);
  t.after(() => node.stop());
  node.setManifest('/m/web.yaml', manifest());
  await node.settle(1_000);
  return node;
}

const mirrorOf = (node: SimulatedNode) => node.findPod('web-worker-1');
const runningOf = (node: SimulatedNode) =>
  node.runtime.all().filter(({ identity, state }) => identity.containerName === 'web' && state.phase === 'running');

test('a static pod runs, and its mirror tells how it is doing', async (t) => {
  const node = await aNode(t);
  const mirror = await mirrorOf(node);
  assert.equal(runningOf(node).length, 1);
  assert.deepEqual([mirror?.status?.phase, mirror?.status?.podIP, mirror?.metadata.labels], ['Running', '10.244.1.2', { app: 'web' }]);
  const uid = runningOf(node)[0]?.identity.podUid;
  assert.equal(mirror?.metadata.annotations?.['kubernetes.io/config.mirror'], uid);
  assert.equal(mirror?.metadata.annotations?.['kubernetes.io/config.source'], 'file');
  assert.equal(mirror?.metadata.ownerReferences?.[0]?.kind, 'Node');
  assert.notEqual(mirror?.metadata.uid, uid);
});

test('a mirror that somebody deletes comes back, and the pod runs on', async (t) => {
  const node = await aNode(t);
  const before = await mirrorOf(node);
  await node.client.resource(pods).delete({ namespace: 'default', name: 'web-worker-1' });
  await node.settle(1_000);
  const after = await mirrorOf(node);
  assert.notEqual(after?.metadata.uid, before?.metadata.uid);
  assert.equal(after?.status?.phase, 'Running');
  assert.equal(node.runtime.calls.filter((call) => call === 'start web/0').length, 1);
});

test('a manifest that changes is another pod, which starts when the one before it has gone', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  node.setManifest('/m/web.yaml', manifest('other'));
  await node.settle(10_000);
  const [old] = runningOf(node);
  assert.equal(runningOf(node).length, 1);
  await node.settle(25_000);
  const [now] = runningOf(node);
  assert.equal(runningOf(node).length, 1);
  assert.notEqual(now?.identity.podUid, old?.identity.podUid);
  assert.equal((await mirrorOf(node))?.metadata.annotations?.['kubernetes.io/config.mirror'], now?.identity.podUid);
});

test('a manifest that goes takes its pod and its mirror with it', async (t) => {
  const node = await aNode(t);
  node.setManifest('/m/web.yaml', undefined);
  await node.settle(5_000);
  assert.deepEqual(node.runtime.all(), []);
  assert.equal(await mirrorOf(node), undefined);
  assert.equal(node.addresses.size, 0);
});

test('a manifest that is half written changes nothing', async (t) => {
  const node = await aNode(t);
  node.setManifest('/m/web.yaml', 'apiVersion: v1\nkind: Pod\nmeta');
  await node.settle(5_000);
  assert.equal(runningOf(node).length, 1);
  assert.equal((await mirrorOf(node))?.status?.phase, 'Running');
});

test('a kubelet that restarts finds its static pod again', async (t) => {
  const node = await aNode(t);
  const { calls } = node.runtime;
  const before = [...calls];
  node.crash();
  await node.boot();
  await node.settle(5_000);
  assert.deepEqual(calls, before);
  assert.equal((await mirrorOf(node))?.status?.containerStatuses?.[0]?.restartCount, 0);
});

test('a static pod whose manifest went while the kubelet was away is removed', async (t) => {
  const node = await aNode(t);
  node.crash();
  node.setManifest('/m/web.yaml', undefined);
  await node.boot();
  await node.settle(5_000);
  assert.deepEqual(node.runtime.all(), []);
  assert.equal(await mirrorOf(node), undefined);
});

test('a manifest is another pod for another text, file or node', () => {
  const uidOf = (file: string, text: string, nodeName: string) => readStaticPod({ file, text }, nodeName).metadata.uid;
  const uids = [
    uidOf('/a', manifest(), 'n1'),
    uidOf('/b', manifest(), 'n1'),
    uidOf('/a', manifest('x'), 'n1'),
    uidOf('/a', manifest(), 'n2'),
  ];
  assert.equal(new Set(uids).size, 4);
  assert.match(uids[0] ?? '', /^[0-9a-f]{32}$/);
});

const broken = [
  { it: 'no pod', text: 'apiVersion: v1\nkind: Secret\nmetadata: { name: a }' },
  { it: 'an unknown field', text: `${manifest()}  colour: blue\n`, says: /unknown field "spec\.colour"/ },
  { it: 'no container', text: 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [] }', says: /spec\.containers/ },
];
for (const { it, text, says = /./ } of broken) {
  test(`a manifest with ${it} is refused`, () => assert.throws(() => readStaticPod({ file: '/a', text }, 'n1'), says));
}

test('a mirror is made, kept or removed as its pod asks', () => {
  const pod = readStaticPod({ file: '/a', text: manifest() }, 'n1');
  const mirror = (uid: string, more: object = {}) => ({
    ...pod,
    metadata: { ...pod.metadata, ...more, annotations: { 'kubernetes.io/config.mirror': uid } },
  });
  assert.equal(planMirror(pod, undefined), 'create');
  assert.equal(planMirror(pod, mirror(pod.metadata.uid)), undefined);
  assert.equal(planMirror(pod, mirror('other')), 'delete');
  assert.equal(planMirror(pod, mirror(pod.metadata.uid, { deletionTimestamp: '2026-01-01T00:00:00Z' })), 'delete');
  assert.equal(planMirror(undefined, mirror(pod.metadata.uid)), 'delete');
});
