import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Toleration } from '#api/generated/types.ts';
import { reconcileTaintEviction } from './taint-eviction.ts';
import { aPod, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

const unreachable = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
const maintenance = { key: 'maintenance', value: 'now', effect: 'NoExecute' };
const fiveMinutes = { key: unreachable.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
const evicted = ['event TaintManagerEviction', 'updateStatus pods one', 'delete pods one'];

const cases: readonly {
  it: string;
  tolerations: readonly Toleration[];
  taints?: readonly { taint: typeof unreachable; ageMs: number }[];
  actions: readonly string[];
}[] = [
  { it: 'leaves a pod alone on a node without taints', tolerations: [], taints: [], actions: [] },
  { it: 'evicts an intolerant pod at once', tolerations: [], actions: evicted },
  { it: 'leaves a pod that tolerates everything', tolerations: [{ operator: 'Exists' }], actions: [] },
  { it: 'waits as long as the pod tolerates the taint', tolerations: [fiveMinutes], actions: ['requeue 290000'] },
  { it: 'evicts when that time is over', tolerations: [fiveMinutes], taints: [{ taint: unreachable, ageMs: 300_000 }], actions: evicted },
  {
    it: 'goes by the shortest of several tolerations',
    tolerations: [fiveMinutes, { ...fiveMinutes, tolerationSeconds: 15 }],
    actions: ['requeue 5000'],
  },
  {
    it: 'needs every taint tolerated',
    tolerations: [fiveMinutes],
    taints: [
      { taint: unreachable, ageMs: 0 },
      { taint: maintenance, ageMs: 0 },
    ],
    actions: evicted,
  },
  {
    it: 'compares values unless the operator is Exists',
    tolerations: [{ key: 'maintenance', value: 'later' }],
    taints: [{ taint: maintenance, ageMs: 0 }],
    actions: evicted,
  },
];
for (const { it, tolerations, taints = [{ taint: unreachable, ageMs: 10_000 }], actions } of cases) {
  test(`taint eviction ${it}`, () => {
    const pod = aPod('one', { node: 'worker-1', spec: { tolerations } });
    assert.deepEqual(describeActions(reconcileTaintEviction({ pod, taints, isWaiting: false, nowMs: NOW_MS })), actions);
  });
}

test('a pod that is going or has ended is not evicted again', () => {
  const going = aPod('one', { node: 'worker-1', metadata: { deletionTimestamp: secondsAgo(1) } });
  const ended = aPod('one', { node: 'worker-1', phase: 'Succeeded' });
  for (const pod of [going, ended]) {
    assert.deepEqual(reconcileTaintEviction({ pod, taints: [{ taint: unreachable, ageMs: 0 }], isWaiting: false, nowMs: NOW_MS }), []);
  }
});

test('a pod whose node recovers in time hears that it stays', () => {
  const pod = aPod('one', { node: 'worker-1', spec: { tolerations: [fiveMinutes] } });
  const [event] = reconcileTaintEviction({ pod, taints: [], isWaiting: true, nowMs: NOW_MS });
  assert.equal(event?.verb === 'event' && event.message, 'Cancelling deletion of Pod default/one');
});
