import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastCheck from 'fast-check';
import { findDuplicateKeys, pathOfKey, walkKeys } from './find-duplicate-keys.ts';

const cases = [
  { it: 'nothing in an object without any', json: '{"a":1,"b":{"a":2}}', expected: [] },
  { it: 'a key that occurs twice', json: '{"a":1,"a":2}', expected: ['a'] },
  { it: 'it once, however often it occurs', json: '{"a":1,"a":2,"a":3}', expected: ['a'] },
  {
    it: 'the path within objects and lists',
    json: '{"spec":{"containers":[{"x":1},{"name":"a","name":"b"}]}}',
    expected: ['spec.containers[1].name'],
  },
  { it: 'keys that are written differently', json: '{"a":1,"\\u0061":2}', expected: ['a'] },
  { it: 'no key in text that looks like one', json: '{"a":"{\\"a\\":1,\\"a\\":2}"}', expected: [] },
  { it: 'the same key on both sides of a nested object', json: '{"a":{"b":1},"a":[]}', expected: ['a'] },
];

for (const { it, json, expected } of cases) {
  test(`finds ${it}`, () =>
    assert.deepEqual(
      findDuplicateKeys(json).map(({ path }) => path),
      expected,
    ));
}

test('tells the line of a key that is there again', () => {
  assert.deepEqual(findDuplicateKeys('{\n"a": {\n"b": 1,\n"b": 2}}'), [{ path: 'a.b', key: 'b', line: 4 }]);
});

test('walks all keys in the order of the text', () => {
  const visited: string[] = [];
  walkKeys('{"spec":{"odd":1,"a":1,"a":2},"b":[{"c":1}]}', (level, isRepeated) =>
    visited.push(`${pathOfKey(level)}${isRepeated ? '!' : ''}`),
  );
  assert.deepEqual(visited, ['spec', 'spec.odd', 'spec.a', 'spec.a!', 'b', 'b[0].c']);
});

test('finds nothing in whatever JSON.stringify writes', () => {
  fastCheck.assert(fastCheck.property(fastCheck.jsonValue(), (value) => findDuplicateKeys(JSON.stringify(value)).length === 0));
});
