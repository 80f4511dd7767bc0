import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { type PodGarbageSnapshot, reconcilePodGarbage } from './pod-garbage-collector.ts';
import { aPod, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

function snapshotOf(pod: Pod, more: Partial<PodGarbageSnapshot> = {}): PodGarbageSnapshot {
  return { pod, nodeGoneMs: undefined, isOutOfService: false, finished: [], nowMs: NOW_MS, ...more };
}

const bound = aPod('one', { node: 'worker-1' });
const ended = aPod('one', { node: 'worker-1', phase: 'Failed' });
const unscheduled = aPod('one', { phase: 'Pending', metadata: { deletionTimestamp: secondsAgo(1) } });
const going = aPod('one', { node: 'worker-1', metadata: { deletionTimestamp: secondsAgo(1) } });
const evicted: Pod = {
  ...aPod('evicted', { metadata: { creationTimestamp: secondsAgo(1) } }),
  status: { phase: 'Failed', reason: 'Evicted' },
};
const many = Array.from({ length: 12_502 }, (_, index) =>
  aPod(`p${index}`, { phase: 'Succeeded', metadata: { creationTimestamp: secondsAgo(20_000 - index) } }),
);

const cases: readonly { it: string; given: PodGarbageSnapshot; actions: readonly string[] }[] = [
  { it: 'leaves a pod whose node exists', given: snapshotOf(bound), actions: [] },
  { it: 'gives a node that is gone time to come back', given: snapshotOf(bound, { nodeGoneMs: 10_000 }), actions: ['requeue 30000'] },
  {
    it: 'fails and removes a pod whose node is gone',
    given: snapshotOf(bound, { nodeGoneMs: 40_000 }),
    actions: ['updateStatus pods one', 'delete pods one'],
  },
  { it: 'does not change how a pod ended', given: snapshotOf(ended, { nodeGoneMs: 40_000 }), actions: ['delete pods one'] },
  {
    it: 'removes a pod that was deleted before it got a node',
    given: snapshotOf(unscheduled),
    actions: ['updateStatus pods one', 'delete pods one'],
  },
  {
    it: 'fails and removes a pod that is going on a node that is out of service',
    given: snapshotOf(going, { isOutOfService: true }),
    actions: ['updateStatus pods one', 'delete pods one'],
  },
  { it: 'leaves a pod that stays on a node that is out of service', given: snapshotOf(bound, { isOutOfService: true }), actions: [] },
  { it: 'leaves a pod that is going to its kubelet', given: snapshotOf(going), actions: [] },
  {
    it: 'removes the oldest finished pods when there are too many',
    given: snapshotOf(ended, { finished: many }),
    actions: ['delete pods p0', 'delete pods p1'],
  },
  {
    it: 'removes evicted pods before the oldest',
    given: snapshotOf(ended, { finished: [...many, evicted] }),
    actions: ['delete pods evicted', 'delete pods p0', 'delete pods p1'],
  },
];
for (const { it, given, actions } of cases) {
  test(`pod garbage collection ${it}`, () => assert.deepEqual(describeActions(reconcilePodGarbage(given)), actions));
}

test('what nobody else will remove goes without a grace period', () => {
  const action = reconcilePodGarbage(snapshotOf(unscheduled)).at(-1);
  assert.equal(action?.verb === 'delete' && action.gracePeriodSeconds, 0);
});
