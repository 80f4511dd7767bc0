import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ReplicaSet } from '#api/generated/types.ts';
import { orderForDeletion } from './replica-set/deletion-order.ts';
import { summarizePods } from './replica-set/replica-set-status.ts';
import { type ReplicaSetSnapshot, reconcileReplicaSet } from './replica-set.ts';
import { announcements, aPod, aReplicaSet, describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const replicaSet = aReplicaSet('web-abc', { replicas: 2 });
const settled: ReplicaSet = { ...replicaSet, status: { replicas: 2, fullyLabeledReplicas: 2, observedGeneration: 1 } };

function snapshotOf(owner: ReplicaSet, candidates: readonly Pod[], more: Partial<ReplicaSetSnapshot> = {}): ReplicaSetSnapshot {
  let count = 0;
  const suffix = () => `x${count++}`;
  return {
    replicaSet: owner,
    candidates,
    siblings: candidates,
    mayAdopt: true,
    mayCreate: true,
    nowMs: NOW_MS,
    suffix,
    failure: undefined,
    ...more,
  };
}

const one = aPod('one', { owner: replicaSet });
const two = aPod('two', { owner: replicaSet });
const three = aPod('three', { owner: replicaSet, readySince: secondsAgo(10) });
const ended = aPod('ended', { owner: replicaSet, phase: 'Failed' });
const going = aPod('going', { owner: replicaSet, metadata: { deletionTimestamp: secondsAgo(1) } });
const orphan = aPod('orphan');
const strayed = aPod('strayed', { owner: replicaSet, metadata: { labels: { app: 'debug' } } });
const dying = { ...settled, metadata: metadataOf('web-abc', { generation: 1, deletionTimestamp: secondsAgo(1) }) };

const cases: readonly { it: string; given: ReplicaSetSnapshot; actions: readonly string[] }[] = [
  { it: 'does nothing when it has what it wants', given: snapshotOf(settled, [one, two]), actions: [] },
  { it: 'creates what is missing', given: snapshotOf(settled, [one]), actions: ['create pods', 'updateStatus replicasets web-abc'] },
  { it: 'does not count ended and terminating pods', given: snapshotOf(settled, [ended, one, two]), actions: [] },
  {
    it: 'replaces a terminating pod at once',
    given: snapshotOf(replicaSet, [going, one]),
    actions: ['create pods', 'updateStatus replicasets web-abc'],
  },
  {
    it: 'deletes one too many, the least ready first',
    given: snapshotOf(settled, [three, one, two]),
    actions: ['delete pods one', 'updateStatus replicasets web-abc'],
  },
  { it: 'adopts a pod before it counts', given: snapshotOf(settled, [one, orphan]), actions: ['patch pods orphan'] },
  { it: 'adopts nothing when it may be dead itself', given: snapshotOf(settled, [one, two, orphan], { mayAdopt: false }), actions: [] },
  { it: 'releases a pod that was relabelled', given: snapshotOf(settled, [one, two, strayed]), actions: ['patch pods strayed'] },
  {
    it: 'makes no pods while its namespace is being deleted',
    given: snapshotOf(settled, [], { mayCreate: false }),
    actions: ['updateStatus replicasets web-abc'],
  },
  { it: 'makes no pods while it is being deleted', given: snapshotOf(dying, []), actions: ['updateStatus replicasets web-abc'] },
];
for (const { it, given, actions } of cases) {
  test(`a ReplicaSet ${it}`, () => assert.deepEqual(describeActions(reconcileReplicaSet(given)), actions));
}

test('a pod is made from the template, named after the ReplicaSet and owned by it', () => {
  const [action] = reconcileReplicaSet(snapshotOf(replicaSet, [one]));
  assert.equal(action?.verb, 'create');
  if (action?.verb !== 'create') return;
  const { metadata } = action.object;
  assert.deepEqual([metadata.generateName, metadata.name, metadata.labels], ['web-abc-', 'web-abc-x0', { app: 'web' }]);
  assert.deepEqual(
    metadata.ownerReferences?.map(({ kind, uid, controller }) => [kind, uid, controller]),
    [['ReplicaSet', 'uid-web-abc', true]],
  );
  assert.deepEqual(announcements([action]), ['Created pod: {name}']);
});

test('no more than a burst of pods is made in one sync', () => {
  const huge = aReplicaSet('web-abc', { replicas: 100_000 });
  const creates = reconcileReplicaSet(snapshotOf(huge, [])).filter(({ verb }) => verb === 'create');
  assert.equal(creates.length, 500);
});

test('a failed sync shows as ReplicaFailure until one succeeds', () => {
  const failure = { reason: 'FailedCreate', message: 'pods "x" is forbidden: exceeded quota' };
  const failed = summarizePods(replicaSet, [one], { nowMs: NOW_MS, failure });
  assert.deepEqual(failed.conditions, [{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: secondsAgo(0), ...failure }]);
  const recovered = summarizePods({ ...replicaSet, status: failed }, [one, two], { nowMs: NOW_MS, failure: undefined });
  assert.equal(recovered.conditions, undefined);
});

test('a ready pod is available once it has been ready long enough, and that moment is waited for', () => {
  const patient = { ...replicaSet, spec: { ...replicaSet.spec, replicas: 1, minReadySeconds: 30 } };
  const status = summarizePods(patient, [three], { nowMs: NOW_MS, failure: undefined });
  assert.deepEqual([status.readyReplicas, status.availableReplicas], [1, undefined]);
  assert.ok(describeActions(reconcileReplicaSet(snapshotOf(patient, [three]))).includes('requeue 20000'));
  assert.equal(summarizePods(patient, [three], { nowMs: NOW_MS + 20_000, failure: undefined }).availableReplicas, 1);
});

const ready = { node: 'a', readySince: secondsAgo(1_000) };
const ranking: readonly { it: string; first: Pod; second: Pod; siblings?: readonly Pod[] }[] = [
  {
    it: 'an unassigned pod goes before one on a node',
    first: aPod('f', { readySince: secondsAgo(1_000) }),
    second: aPod('s', { node: 'a' }),
  },
  { it: 'a pending pod goes before a running one', first: aPod('f', { node: 'a', phase: 'Pending' }), second: aPod('s', { node: 'a' }) },
  { it: 'an unready pod goes before a ready one', first: aPod('f', { node: 'a' }), second: aPod('s', ready) },
  {
    it: 'a pod of lower deletion cost goes first',
    first: aPod('f', { ...ready, metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } } }),
    second: aPod('s', { ...ready, node: 'b' }),
  },
  {
    it: 'a pod on a crowded node goes first',
    first: aPod('f', ready),
    second: aPod('s', { ...ready, node: 'b' }),
    siblings: [aPod('f', ready), aPod('g', ready), aPod('s', { ...ready, node: 'b' })],
  },
  { it: 'a pod that became ready lately goes first', first: aPod('f', { ...ready, readySince: secondsAgo(10) }), second: aPod('s', ready) },
  {
    it: 'a younger pod goes first',
    first: aPod('f', { ...ready, metadata: { creationTimestamp: secondsAgo(100) } }),
    second: aPod('s', ready),
  },
];
for (const { it, first, second, siblings = [first, second] } of ranking) {
  test(it, () => {
    assert.deepEqual(orderForDeletion([second, first], siblings, NOW_MS), [first, second]);
    assert.deepEqual(orderForDeletion([first, second], siblings, NOW_MS), [first, second]);
  });
}
