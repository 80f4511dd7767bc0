import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConditionLike } from './condition.ts';
import { findCondition, isConditionTrue, withCondition, withoutCondition } from './condition.ts';
import { controllerOf, isControlledBy } from './owner-reference.ts';

const ready: ConditionLike = { type: 'Ready', status: 'True', reason: 'Fine', lastTransitionTime: '2026-01-01T00:00:00Z' };
const later = '2026-01-02T00:00:00Z';

test('a condition that keeps its status keeps its transition time', () => {
  const [condition] = withCondition([ready], { type: 'Ready', status: 'True', reason: 'StillFine' }, later);
  assert.deepEqual(condition, { ...ready, reason: 'StillFine' });
});

test('a condition that changes its status gets a new transition time, in its old place', () => {
  const other = { ...ready, type: 'Available' };
  const changed = withCondition([ready, other], { type: 'Ready', status: 'False' }, later);
  assert.deepEqual(changed, [{ type: 'Ready', status: 'False', lastTransitionTime: later }, other]);
  assert.equal(isConditionTrue(changed, 'Ready'), false);
  assert.equal(isConditionTrue(changed, 'Available'), true);
});

test('a condition can be added and taken away', () => {
  const added = withCondition<ConditionLike>(undefined, { type: 'Ready', status: 'True' }, later);
  assert.equal(findCondition(added, 'Ready')?.lastTransitionTime, later);
  assert.deepEqual(withoutCondition(added, 'Ready'), []);
});

test('the controller is the owner that says so', () => {
  const owners = [
    { apiVersion: 'v1', kind: 'Node', name: 'a', uid: '1' },
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'b', uid: '2', controller: true },
  ];
  const object = { metadata: { ownerReferences: owners } };
  assert.equal(controllerOf(object)?.name, 'b');
  const metadata = { name: 'b', uid: '2', resourceVersion: '1', creationTimestamp: later };
  assert.equal(isControlledBy(object, { metadata }), true);
  assert.equal(controllerOf({ metadata: {} }), undefined);
});
