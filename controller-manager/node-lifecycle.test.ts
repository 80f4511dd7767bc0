import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '#api/generated/types.ts';
import { createFirstSeen } from './first-seen.ts';
import { createEvictionLimiter } from './node-lifecycle/eviction-limiter.ts';
import { wantedTaints } from './node-lifecycle/node-taints.ts';
import { evictionRate, isEverythingDown } from './node-lifecycle/node-zones.ts';
import { NODE_MONITOR_GRACE_MS, type NodeSnapshot, type PresentNode, reconcileNode } from './node-lifecycle.ts';
import { aNode, aPod, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

function snapshotOf(node: Node, more: Partial<PresentNode> = {}): NodeSnapshot {
  return { node, pods: [], silentMs: 0, wasReady: true, isNew: false, evictAfterMs: 0, nowMs: NOW_MS, ...more };
}

function statusWritten(snapshot: NodeSnapshot): string {
  return JSON.stringify(reconcileNode(snapshot).filter(({ verb }) => verb === 'updateStatus'));
}

test('a node that shows signs of life is only looked at again when it could be overdue', () => {
  assert.deepEqual(describeActions(reconcileNode(snapshotOf(aNode('worker-1'), { silentMs: 15_000 }))), ['requeue 35000']);
});

test('a node that is silent for the grace period becomes Unknown in everything its kubelet reports', () => {
  const snapshot = snapshotOf(aNode('worker-1'), { silentMs: NODE_MONITOR_GRACE_MS });
  assert.deepEqual(describeActions(reconcileNode(snapshot)), ['updateStatus nodes worker-1']);
  const written = statusWritten(snapshot);
  assert.match(written, /"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status."/);
  assert.match(
    written,
    /"type":"DiskPressure","status":"Unknown","reason":"NodeStatusNeverUpdated","message":"Kubelet never posted node status."/,
  );
  assert.match(written, /"lastTransitionTime":"2026-01-01T12:00:00Z"/);
});

const unknown = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
  type,
  status: 'Unknown',
  lastTransitionTime: secondsAgo(0),
}));
const silent: Node = { ...aNode('worker-1'), status: { conditions: unknown } };

test('an unreachable node is tainted, announced, and its pods are no longer ready', () => {
  const pod = aPod('one', { node: 'worker-1', readySince: secondsAgo(500) });
  const unready = aPod('two', { node: 'worker-1' });
  const actions = reconcileNode(snapshotOf(silent, { silentMs: 60_000, pods: [pod, unready] }));
  assert.deepEqual(describeActions(actions), ['event NodeNotReady', 'patch nodes worker-1', 'event NodeNotReady', 'updateStatus pods one']);
  const [event] = actions;
  assert.equal(event?.verb === 'event' && event.message, 'Node worker-1 status is now: NodeNotReady');
});

test('a pod that became ready after its node failed is believed', () => {
  const failed = aNode('worker-1', { ready: 'False' });
  const pod = aPod('one', { node: 'worker-1', readySince: secondsAgo(5) });
  assert.ok(!describeActions(reconcileNode(snapshotOf(failed, { pods: [pod] }))).includes('updateStatus pods one'));
});

const dedicated = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
const taintCases: readonly { it: string; node: Node; mayEvict?: boolean; taints: readonly string[] }[] = [
  { it: 'a ready node has none', node: aNode('n'), taints: [] },
  {
    it: 'a node that is not ready repels pods and evicts',
    node: aNode('n', { ready: 'False' }),
    taints: ['node.kubernetes.io/not-ready:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute'],
  },
  {
    it: 'nothing is evicted when no node is ready',
    node: aNode('n', { ready: 'Unknown' }),
    mayEvict: false,
    taints: ['node.kubernetes.io/unreachable:NoSchedule'],
  },
  {
    it: 'a recovered node loses what came from its failure and keeps what others put there',
    node: aNode('n', {
      spec: { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: secondsAgo(9) }, dedicated] },
    }),
    taints: ['dedicated:NoSchedule'],
  },
  {
    it: 'a cordoned node repels pods',
    node: aNode('n', { spec: { unschedulable: true } }),
    taints: ['node.kubernetes.io/unschedulable:NoSchedule'],
  },
];
for (const { it, node, mayEvict = true, taints } of taintCases) {
  test(`taints: ${it}`, () => {
    assert.deepEqual(
      wantedTaints(node, { mayEvict, time: secondsAgo(0) }).map(({ key, effect }) => `${key}:${effect}`),
      taints,
    );
  });
}

test('silence is counted from the last change that was seen, by the monotonic clock', () => {
  let nowMs = 1_000;
  const seen = createFirstSeen({ monotonic: () => nowMs });
  assert.equal(seen.ageMs('worker-1', 'renewed at 08:00'), 0);
  nowMs += 30_000;
  assert.equal(seen.ageMs('worker-1', 'renewed at 08:00'), 30_000);
  assert.equal(seen.ageMs('worker-1', 'renewed at 07:00 by a wrong clock'), 0);
  seen.forget('worker-1');
  assert.equal(seen.ageMs('worker-1', 'renewed at 08:00'), 0);
});

test('a node that waits for its turn repels pods, and is looked at again when its turn may have come', () => {
  const actions = reconcileNode(snapshotOf(silent, { silentMs: 60_000, wasReady: false, evictAfterMs: 7_000 }));
  assert.deepEqual(describeActions(actions), ['patch nodes worker-1', 'requeue 7000']);
  assert.doesNotMatch(JSON.stringify(actions), /NoExecute/);
});

test('nodes are announced when they come and when they go', () => {
  const [registered] = reconcileNode(snapshotOf(aNode('worker-1'), { isNew: true }));
  assert.equal(registered?.verb === 'event' && registered.message, 'Node worker-1 event: Registered Node worker-1 in Controller');
  const [removed] = reconcileNode({ gone: aNode('worker-1') });
  assert.equal(removed?.verb === 'event' && removed.message, 'Node worker-1 event: Removing Node worker-1 from Controller');
});

test('the labels of before follow those of now', () => {
  const labels = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', 'beta.kubernetes.io/arch': 'amd64' };
  const node = aNode('worker-1', { metadata: { ...aNode('worker-1').metadata, labels } });
  const [patch] = reconcileNode(snapshotOf(node));
  assert.deepEqual(patch?.verb === 'patch' && patch.patch, {
    metadata: { uid: 'uid-worker-1', labels: { 'beta.kubernetes.io/os': 'linux' } },
  });
});

function aZone(zone: string, count: number, down: number, labels: Readonly<Record<string, string>> = {}): readonly Node[] {
  return Array.from({ length: count }, (_, index) => {
    const node = aNode(`${zone}-${index}`, { ready: index < down ? 'Unknown' : 'True' });
    return { ...node, metadata: { ...node.metadata, labels: { 'topology.kubernetes.io/zone': zone, ...labels } } };
  });
}

const rates = [
  { it: 'a healthy zone', nodes: aZone('a', 10, 2), rate: 0.1 },
  { it: 'a small zone of which more than half is down', nodes: aZone('a', 10, 6), rate: 0 },
  { it: 'a large zone of which more than half is down', nodes: aZone('a', 100, 60), rate: 0.01 },
  { it: 'a zone that is gone as a whole', nodes: [...aZone('a', 10, 10), ...aZone('b', 3, 0)], rate: 0.1 },
  { it: 'a zone of two, of which one is down', nodes: aZone('a', 2, 1), rate: 0.1 },
  {
    it: 'a zone whose failed nodes do not count',
    nodes: [...aZone('a', 3, 0), ...aZone('a', 9, 9, { 'node.kubernetes.io/exclude-disruption': '' })],
    rate: 0.1,
  },
];
for (const { it, nodes, rate } of rates) {
  test(`in ${it} pods leave ${rate} nodes a second`, () => assert.equal(evictionRate('/a', nodes), rate));
}

test('everything is down when no node of any zone is ready', () => {
  assert.equal(isEverythingDown([...aZone('a', 2, 2), ...aZone('b', 2, 2)]), true);
  assert.equal(isEverythingDown([...aZone('a', 2, 2), ...aZone('b', 2, 1)]), false);
  assert.equal(isEverythingDown([]), false);
});

test('each zone gives turns of its own, one after another', () => {
  let nowMs = 0;
  const limiter = createEvictionLimiter({ monotonic: () => nowMs });
  assert.deepEqual([limiter.take('a', 0.1), limiter.take('a', 0.1), limiter.take('b', 0.1)], [0, 10_000, 0]);
  assert.equal(limiter.take('a', 0), Number.POSITIVE_INFINITY);
  nowMs += 10_000;
  assert.deepEqual([limiter.take('a', 0.01), limiter.take('a', 0.1)], [90_000, 0]);
});
