/** The Node as the kubelet tells it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '#api/generated/types.ts';
import { buildNodeStatus, type NodeDescription, parseLabels, parseTaints, withOwnLabels } from './node-object.ts';

const description: NodeDescription = {
  name: 'worker-1',
  labels: { tier: 'gold' },
  taints: [],
  nodeIp: '172.18.0.3',
  kubeletPort: 10250,
  architecture: 'amd64',
  version: 'v1.36.0',
  shape: { cpuCount: 2, memoryBytes: 2 ** 30, diskBytes: 2 ** 34, reserved: new Map(), memoryKeptBytes: 0, diskKeptBytes: 0 },
};
const health = {
  problems: [],
  pressures: new Set<never>(),
  runtimeVersion: '28',
  kernelVersion: '6',
  osImage: 'Debian',
  machineId: 'm',
  bootId: 'b',
};
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'worker-1', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: {},
};

test('a healthy node is ready and tells what it has', () => {
  const status = buildNodeStatus(node, description, health, 0);
  assert.deepEqual(status.capacity, { cpu: '2', memory: '1Gi', 'ephemeral-storage': '16Gi', pods: '110' });
  assert.deepEqual(status.addresses, [
    { type: 'InternalIP', address: '172.18.0.3' },
    { type: 'Hostname', address: 'worker-1' },
  ]);
  assert.deepEqual(
    status.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`),
    [
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ],
  );
});

test('a condition keeps the time of its last change, and those of others are left alone', () => {
  const foreign = { type: 'NetworkUnavailable', status: 'False' };
  const first = {
    ...node,
    status: {
      ...buildNodeStatus(node, description, health, 0),
      conditions: [foreign, ...(buildNodeStatus(node, description, health, 0).conditions ?? [])],
    },
  };
  const later = buildNodeStatus(first, description, { ...health, problems: ['container runtime is down'] }, 60_000);
  const ready = later.conditions?.find(({ type }) => type === 'Ready');
  assert.deepEqual([ready?.status, ready?.reason, ready?.message], ['False', 'KubeletNotReady', 'container runtime is down']);
  assert.equal(ready?.lastTransitionTime, '1970-01-01T00:01:00Z');
  assert.equal(later.conditions?.find(({ type }) => type === 'PIDPressure')?.lastTransitionTime, '1970-01-01T00:00:00Z');
  assert.ok(later.conditions?.includes(foreign));
});

test('labels of others stay', () => {
  const labelled = withOwnLabels({ ...node, metadata: { ...node.metadata, labels: { other: 'x' } } }, description);
  assert.equal(labelled.metadata.labels?.other, 'x');
  assert.equal(labelled.metadata.labels?.tier, 'gold');
  assert.equal(withOwnLabels(labelled, description), labelled);
});

test('labels and taints are read from their short forms', () => {
  assert.deepEqual(parseLabels('a=b, c='), { a: 'b', c: '' });
  assert.deepEqual(parseTaints('node-role.kubernetes.io/control-plane:NoSchedule,k=v:NoExecute'), [
    { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
    { key: 'k', effect: 'NoExecute', value: 'v' },
  ]);
  assert.throws(() => parseTaints('broken'), /has no effect/);
});
