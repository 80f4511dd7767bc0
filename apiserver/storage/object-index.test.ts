/** What a prefix lists, and what replacing and removing give back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createObjectIndex } from './object-index.ts';
import { aCachedObject } from './testing/cached-object.ts';

const keys = [
  '/registry/core/pods/default/b',
  '/registry/core/pods/default/a',
  '/registry/core/pods/default-2/c',
  '/registry/apps/deployments/default/a',
];

function filled() {
  const index = createObjectIndex();
  for (const key of keys) index.set(aCachedObject({ key }));
  return index;
}

const cases = [
  { it: 'a resource', prefix: '/registry/core/pods/', gives: [keys[2], keys[1], keys[0]] },
  { it: 'a namespace, and not one whose name only starts alike', prefix: '/registry/core/pods/default/', gives: [keys[1], keys[0]] },
  { it: 'everything in key order', prefix: '/registry/', gives: [keys[3], keys[2], keys[1], keys[0]] },
  { it: 'one object', prefix: '/registry/core/pods/default/a', gives: [keys[1]] },
  { it: 'nothing where there is nothing', prefix: '/registry/core/nodes/', gives: [] },
];
for (const { it, prefix, gives } of cases) {
  test(`object-index lists ${it}`, () =>
    assert.deepEqual(
      filled()
        .list(prefix)
        .map((object) => object.key),
      gives,
    ));
}

test('object-index gives back what it replaces and what it removes', () => {
  const index = createObjectIndex();
  const [first, second] = [aCachedObject({ revision: 1n }), aCachedObject({ revision: 2n })];
  assert.equal(index.set(first), undefined);
  assert.equal(index.set(second), first);
  assert.equal(index.find(first.key), second);
  assert.equal(index.delete(first.key), second);
  assert.equal(index.delete(first.key), undefined);
  assert.deepEqual(index.list('/registry/'), []);
});

test('object-index leaves a list alone that was given out before', () => {
  const index = filled();
  const listed = index.list('/registry/core/pods/default/');
  index.delete('/registry/core/pods/default/a');
  assert.equal(listed.length, 2);
});

test('object-index knows about how much there is without looking', () => {
  const index = createObjectIndex();
  for (const name of ['a', 'b', 'c']) index.set(aCachedObject({ key: `/registry/core/pods/default/${name}`, bytes: Buffer.alloc(10) }));
  index.set(aCachedObject({ key: '/registry/core/pods/other/a', bytes: Buffer.alloc(30) }));
  index.set(aCachedObject({ key: '/registry/core/pods/default/a', bytes: Buffer.alloc(30) }));
  index.delete('/registry/core/pods/default/b');
  assert.deepEqual(index.extent('/registry/core/pods/'), { objects: 3, bytes: 70 });
  assert.deepEqual(index.extent('/registry/core/pods/other/'), { objects: 1, bytes: 70 / 3 });
  assert.deepEqual(index.extent('/registry/core/nodes/'), { objects: 0, bytes: 0 });
});
