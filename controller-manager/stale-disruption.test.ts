import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { reconcileStaleDisruption } from './stale-disruption.ts';
import { aPod, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

function aTarget(seconds: number, metadata: Partial<Pod['metadata']> = {}): Pod {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: secondsAgo(seconds) };
  const pod = aPod('one', { metadata });
  return { ...pod, status: { ...pod.status, conditions: [condition] } };
}

const cases = [
  { it: 'gives an eviction time', pod: aTarget(30), actions: ['requeue 90000'] },
  { it: 'takes back what came to nothing', pod: aTarget(120), actions: ['updateStatus pods one'] },
  { it: 'leaves a pod that is going', pod: aTarget(120, { deletionTimestamp: secondsAgo(1) }), actions: [] },
  { it: 'leaves a pod that nobody wanted gone', pod: aPod('one'), actions: [] },
];
for (const { it, pod, actions } of cases) {
  test(`a stale disruption target: ${it}`, () =>
    assert.deepEqual(describeActions(reconcileStaleDisruption({ pod, nowMs: NOW_MS })), actions));
}

test('a target that was none is said to be none, without a reason', () => {
  const [write] = reconcileStaleDisruption({ pod: aTarget(120), nowMs: NOW_MS });
  assert.match(
    JSON.stringify(write),
    /"conditions":\[\{"type":"DisruptionTarget","status":"False","lastTransitionTime":"2026-01-01T12:00:00Z"\}\]/,
  );
});
