import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { configmaps } from '../resources/configmaps.ts';
import { namespaces } from '../resources/namespaces.ts';
import { pods } from '../resources/pods.ts';
import { type DeletionWish, decideDeletion, isDeletable } from './deletion.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const asked = (wish: Partial<DeletionWish> = {}): DeletionWish => ({
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  ...wish,
});

const anObject = (kind: string, parts: object = {}, metadata: object = {}): ApiObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'x', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1', ...metadata },
  ...parts,
});
const aRunningPod = (metadata: object = {}) =>
  anObject('Pod', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30, containers: [] }, status: { phase: 'Running' } }, metadata);

const cases = [
  {
    it: 'removes what nothing holds',
    definition: configmaps,
    object: anObject('ConfigMap'),
    wish: asked(),
    action: 'delete',
    metadata: {},
  },
  {
    it: 'marks what a finalizer holds',
    definition: configmaps,
    object: anObject('ConfigMap', {}, { finalizers: ['a/b'] }),
    wish: asked(),
    action: 'write',
    metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
  },
  {
    it: 'leaves dependents to the garbage collector when they are to go first',
    definition: configmaps,
    object: anObject('ConfigMap'),
    wish: asked({ propagationPolicy: 'Foreground' }),
    action: 'write',
    metadata: { finalizers: ['foregroundDeletion'] },
  },
  {
    it: 'leaves dependents alone when they are to stay',
    definition: configmaps,
    object: anObject('ConfigMap', {}, { finalizers: ['foregroundDeletion'] }),
    wish: asked({ propagationPolicy: 'Orphan' }),
    action: 'write',
    metadata: { finalizers: ['orphan'] },
  },
  {
    it: 'gives a running pod its grace period',
    definition: pods,
    object: aRunningPod(),
    wish: asked(),
    action: 'write',
    metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
  },
  {
    it: 'lets a second deletion hurry the first',
    definition: pods,
    object: aRunningPod({ deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 }),
    wish: asked({ gracePeriodSeconds: 5 }),
    action: 'write',
    metadata: { deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 },
  },
  {
    it: 'never lets one delay it',
    definition: pods,
    object: aRunningPod({ deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 }),
    wish: asked({ gracePeriodSeconds: 60 }),
    action: 'write',
    metadata: { deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 },
  },
  {
    it: 'removes a running pod at once when asked to',
    definition: pods,
    object: aRunningPod(),
    wish: asked({ gracePeriodSeconds: 0 }),
    action: 'delete',
    metadata: {},
  },
  {
    it: 'removes a pod that no node has',
    definition: pods,
    object: anObject('Pod', { spec: { containers: [] } }),
    wish: asked({ gracePeriodSeconds: 60 }),
    action: 'delete',
    metadata: {},
  },
  {
    it: 'marks a namespace that has to be emptied',
    definition: namespaces,
    object: anObject('Namespace', { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
    wish: asked(),
    action: 'write',
    metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
  },
] as const;

for (const { it, definition, object, wish, action, metadata } of cases) {
  test(`a deletion ${it}`, () => {
    const change = decideDeletion(definition, object, wish, NOW);
    assert.equal(change.action, action);
    assert.partialDeepStrictEqual(change.object.metadata, metadata);
  });
}

test('an update removes an object whose last finalizer it takes, when its deletion was asked for', () => {
  const held = anObject('ConfigMap', {}, { finalizers: ['a/b'], deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
  const free = anObject('ConfigMap', {}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
  assert.equal(isDeletable(free, held), true);
  assert.equal(isDeletable(held, held), false);
  assert.equal(isDeletable(anObject('ConfigMap'), anObject('ConfigMap', {}, { finalizers: ['a/b'] })), false);
});
