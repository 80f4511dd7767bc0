/** Names of cgroups as both drivers write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { containerDirectory, nodeCgroup, podCgroup, renderDirectory, renderParent } from './cgroup-paths.ts';

const metadata = { name: 'p', namespace: 'default', uid: '12-34', resourceVersion: '1', creationTimestamp: '' };
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: 'i' }] } };
const node = nodeCgroup('worker-1', '0a1b2c3d4e5f60718293');

test('a path holds the node, the class and the pod', () => {
  const name = podCgroup(node, pod);
  assert.equal(renderParent('cgroupfs', name), '/keelson/worker-1-0a1b2c3d4e5f/besteffort/pod12-34');
  assert.equal(renderDirectory('cgroupfs', name), 'keelson/worker-1-0a1b2c3d4e5f/besteffort/pod12-34');
  assert.equal(containerDirectory('cgroupfs', 'abc'), 'abc');
});

test("a slice's name holds those of its parents, and no dashes of its own", () => {
  const name = podCgroup(node, pod);
  const slice = 'keelson-worker_1_0a1b2c3d4e5f-besteffort-pod12_34.slice';
  assert.equal(renderParent('systemd', name), slice);
  assert.equal(
    renderDirectory('systemd', name),
    `keelson.slice/keelson-worker_1_0a1b2c3d4e5f.slice/keelson-worker_1_0a1b2c3d4e5f-besteffort.slice/${slice}`,
  );
  assert.equal(containerDirectory('systemd', 'abc'), 'docker-abc.scope');
});

test('guaranteed pods have no class above them, and a bare host is called by its name', () => {
  const resources = { limits: { cpu: '1', memory: '1Gi' } };
  const guaranteed = { ...pod, spec: { containers: [{ name: 'c', image: 'i', resources }] } };
  assert.deepEqual(podCgroup(nodeCgroup('host', undefined), guaranteed), ['keelson', 'host', 'pod12-34']);
});
