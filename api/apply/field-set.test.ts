import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  difference,
  emptyFieldSet,
  type FieldSet,
  fieldSetEquals,
  fieldSetOf,
  intersection,
  isEmptyFieldSet,
  leavesOf,
  parseFieldSet,
  pathsOf,
  union,
} from './field-set.ts';
import { compareElements, formatPath } from './path-element.ts';

const anElement = fc.oneof(
  fc.constantFrom('f:a', 'f:b', 'f:__proto__', 'f:with.dot', 'f:'),
  fc.constantFrom('k:{"name":"x"}', 'k:{"port":80,"protocol":"TCP"}', 'k:{"port":9,"protocol":"TCP"}'),
  fc.constantFrom('v:"one"', 'v:2', 'i:0', 'i:10'),
);
const aSet: fc.Arbitrary<FieldSet> = fc
  .array(fc.array(anElement, { minLength: 1, maxLength: 4 }), { maxLength: 12 })
  .map((paths) => fieldSetOf(...paths));

const textOf = (set: FieldSet): readonly string[] => pathsOf(set).map((path) => path.join('/'));
const asSet = (set: FieldSet): ReadonlySet<string> => new Set(textOf(set));

test('a set renders as it was parsed', () => {
  fc.assert(
    fc.property(aSet, (set) => {
      const text = JSON.stringify(set);
      assert.equal(JSON.stringify(parseFieldSet(JSON.parse(text))), text);
    }),
  );
});

test('a set has the paths it was made of, however it was put together', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anElement, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), (paths) => {
      const set = fieldSetOf(...paths);
      assert.deepEqual([...asSet(set)].sort(), [...new Set(paths.map((path) => path.join('/')))].sort());
      assert.equal(JSON.stringify(fieldSetOf(...paths.toReversed())), JSON.stringify(set));
    }),
  );
});

test('union, difference and intersection are those of the paths', () => {
  fc.assert(
    fc.property(aSet, aSet, (left, right) => {
      assert.deepEqual(new Set(textOf(union(left, right))), asSet(left).union(asSet(right)));
      assert.deepEqual(new Set(textOf(difference(left, right))), asSet(left).difference(asSet(right)));
      assert.deepEqual(new Set(textOf(intersection(left, right))), asSet(left).intersection(asSet(right)));
    }),
  );
});

test('what is taken away and given back is the whole again', () => {
  fc.assert(
    fc.property(aSet, aSet, (left, right) => {
      assert.ok(fieldSetEquals(union(difference(left, right), intersection(left, right)), left));
      assert.ok(isEmptyFieldSet(difference(left, left)));
      assert.equal(union(left, left), left, 'a union that adds nothing copies nothing');
      assert.equal(difference(left, emptyFieldSet), left);
      assert.equal(JSON.stringify(union(left, right)), JSON.stringify(union(right, left)));
    }),
  );
});

test('leaves are the paths without others below them', () => {
  const set = fieldSetOf(['f:a'], ['f:a', 'f:b'], ['f:c']);
  assert.deepEqual(textOf(leavesOf(set)), ['f:a/f:b', 'f:c']);
});

const parsed: readonly { it: string; given: unknown; expected: unknown }[] = [
  { it: 'nothing as the empty set', given: undefined, expected: {} },
  { it: 'keys in any order', given: { 'k:{"b":1,"a":2}': {} }, expected: { 'k:{"a":2,"b":1}': {} } },
  { it: 'a node that only says it is there', given: { 'f:a': { '.': {} } }, expected: { 'f:a': {} } },
  { it: 'a set without the elements nobody knows', given: { 'x:new': {}, 'f:a': {} }, expected: { 'f:a': {} } },
  { it: 'no set with text in it', given: { 'f:a': 'yes' }, expected: undefined },
  { it: 'no set whose element has no kind', given: { spec: {} }, expected: undefined },
  { it: 'no set whose keys are no JSON', given: { 'k:{name}': {} }, expected: undefined },
  { it: 'no set whose index is no number', given: { 'i:first': {} }, expected: undefined },
  { it: 'no set that never ends', given: JSON.parse(`${'{"f:a":'.repeat(200)}{}${'}'.repeat(200)}`), expected: undefined },
];
for (const { it, given, expected } of parsed) {
  test(`fieldsV1 is read as ${it}`, () => assert.deepEqual(parseFieldSet(given), expected));
}

test('elements stand in the order of upstream: fields, keys, values, indices, numbers by size', () => {
  const ordered = ['f:a', 'f:b', 'k:{"port":9}', 'k:{"port":80}', 'v:"a"', 'v:"b"', 'i:2', 'i:10'];
  assert.deepEqual(ordered.toReversed().sort(compareElements), ordered);
});

test('a path is shown as upstream shows it', () => {
  const path = ['f:spec', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}', 'f:name'];
  assert.equal(formatPath(path), '.spec.ports[containerPort=80,protocol="TCP"].name');
  assert.equal(formatPath(['f:metadata', 'f:finalizers', 'v:"a/b"']), '.metadata.finalizers[="a/b"]');
});
