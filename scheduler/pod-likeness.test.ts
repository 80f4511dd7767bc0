import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '#api/generated/types.ts';
import { findLikePods } from './pod-likeness.ts';
import { podShapeOf } from './pod-shape.ts';
import { aPod } from './testing/builders.ts';

const aShape = (options: Parameters<typeof aPod>[0] = {}) => podShapeOf(aPod(options));
const labels = { app: 'web', tier: 'front' };

function aService(selector: Readonly<Record<string, string>>): Service {
  const metadata = { name: 's', namespace: 'default', uid: 's', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector } };
}

test('pods of one controller are of a kind, whatever their labels say', () => {
  const owner = { kind: 'ReplicaSet', name: 'web' };
  const isLike = findLikePods(aPod({ owner, labels }), [aService({ app: 'web' })]);
  assert.deepEqual(
    [isLike?.(aShape({ owner })), isLike?.(aShape({ labels })), isLike?.(aShape({ owner: { ...owner, name: 'api' } }))],
    [true, false, false],
  );
});

test('pods without a controller are of a kind when the same Services select them', () => {
  const isLike = findLikePods(aPod({ labels }), [aService({ app: 'web' }), aService({ app: 'other' }), aService({})]);
  assert.deepEqual([isLike?.(aShape({ labels: { app: 'web' } })), isLike?.(aShape())], [true, false]);
});

test('a pod that nothing selects is on its own', () => {
  assert.equal(findLikePods(aPod(), [aService({}), aService({ app: 'web' })]), undefined);
});
