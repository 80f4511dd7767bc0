import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, replicasets } from '#api/generated/resources.ts';
import type { ObjectMeta } from '#api/generated/types.ts';
import type { Action } from '#client/apply-actions.ts';
import { type GarbageSnapshot, type OwnerState, reconcileGarbage } from './garbage-collector.ts';
import { aPod, aReplicaSet, describeActions, secondsAgo } from './testing/builders.ts';

const owner = aReplicaSet('web-abc');
const dependent = { type: pods, object: aPod('one', { owner }) };

function anItem(
  states: readonly OwnerState[],
  dependents: GarbageSnapshot['dependents'] = [],
  metadata: Partial<ObjectMeta> = {},
): GarbageSnapshot {
  const references = states.map((_, index) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `owner-${index}`, uid: `uid-${index}` }));
  const object = aReplicaSet('web-abc');
  return {
    type: replicasets,
    object: { ...object, metadata: { ...object.metadata, ownerReferences: references, ...metadata } },
    owners: references.map((reference, index) => ({ reference, state: states[index] ?? 'unknown' })),
    dependents,
  };
}

const going = { deletionTimestamp: secondsAgo(1) };
const foreground = { ...going, finalizers: ['foregroundDeletion', 'example.org/other'] };
const orphaning = { ...going, finalizers: ['orphan'] };
const cases: readonly { it: string; item: GarbageSnapshot; actions: readonly string[] }[] = [
  { it: 'keeps what never had an owner', item: anItem([]), actions: [] },
  { it: 'keeps what has a living owner', item: anItem(['present']), actions: [] },
  { it: 'deletes what has lost its only owner', item: anItem(['absent']), actions: ['delete replicasets web-abc'] },
  { it: 'drops a lost owner beside a living one', item: anItem(['present', 'absent']), actions: ['patch replicasets web-abc'] },
  { it: 'decides nothing while an owner is of a kind nobody serves', item: anItem(['unknown', 'absent']), actions: [] },
  { it: 'deletes what an owner waits for', item: anItem(['waitingForDependents'], [dependent]), actions: ['delete replicasets web-abc'] },
  { it: 'leaves what is being deleted', item: anItem(['absent'], [], going), actions: [] },
  { it: 'keeps an owner in the foreground while a dependent blocks it', item: anItem([], [dependent], foreground), actions: [] },
  { it: 'lets it go when none is left', item: anItem([], [], foreground), actions: ['patch replicasets web-abc'] },
  {
    it: 'releases dependents before an orphaning owner',
    item: anItem([], [dependent], orphaning),
    actions: ['patch pods one', 'patch replicasets web-abc'],
  },
];
for (const { it, item, actions } of cases) {
  test(`the garbage collector ${it}`, () => assert.deepEqual(describeActions(reconcileGarbage(item)), actions));
}

function policyOf(actions: readonly Action[]): unknown {
  const [action] = actions;
  return action?.verb === 'delete' ? [action.propagationPolicy, action.resourceVersion] : undefined;
}

test('a deletion is of this version only and passes the way of going on', () => {
  assert.deepEqual(policyOf(reconcileGarbage(anItem(['absent']))), ['Background', '1']);
  assert.deepEqual(policyOf(reconcileGarbage(anItem(['absent'], [], { finalizers: ['orphan'] }))), ['Orphan', '1']);
  assert.deepEqual(policyOf(reconcileGarbage(anItem(['waitingForDependents'], [dependent]))), ['Foreground', '1']);
});

test('dropping a finalizer keeps the others, and an empty list is removed', () => {
  const [kept] = reconcileGarbage(anItem([], [], foreground));
  assert.match(JSON.stringify(kept), /"finalizers":\["example.org\/other"\]/);
  assert.match(JSON.stringify(reconcileGarbage(anItem([], [], orphaning))), /"finalizers":null/);
});

test('objects that wait for each other in a circle stop blocking', () => {
  const circular = { ...dependent, object: { ...dependent.object, metadata: { ...dependent.object.metadata, ...foreground } } };
  const actions = reconcileGarbage(anItem(['waitingForDependents'], [circular]));
  assert.match(JSON.stringify(actions), /"blockOwnerDeletion":false/);
});
