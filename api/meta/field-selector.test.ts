import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesFields, parseFieldSelector, requiredFieldValue, unsupportedFields } from './field-selector.ts';
import { SelectorError } from './label-selector.ts';

const fields = { 'metadata.name': 'web-1', 'spec.nodeName': '', 'status.phase': 'Running' };

const matches = [
  ['', true],
  ['status.phase=Running', true],
  ['status.phase==Running', true],
  ['status.phase!=Running', false],
  ['status.phase!=Failed,status.phase!=Succeeded', true],
  ['spec.nodeName=', true],
  ['spec.nodeName!=', false],
  ['metadata.name=web-2', false],
  ['metadata.name=web\\,1', false],
] as const;
for (const [text, expected] of matches) {
  test(`field selector "${text}" ${expected ? 'accepts' : 'refuses'} the fields`, () =>
    assert.equal(matchesFields(parseFieldSelector(text), fields), expected));
}

test('escaped separators belong to the value', () => {
  assert.deepEqual(parseFieldSelector('a=x\\,y\\=z\\\\'), [{ field: 'a', operator: '=', value: 'x,y=z\\' }]);
});

for (const text of ['metadata.name', 'a=b=c', 'a=b\\c']) {
  test(`field selector "${text}" is refused`, () =>
    assert.throws(() => parseFieldSelector(text), { constructor: SelectorError, message: /^invalid selector: .*; can't understand '/ }));
}

test('a kind offers some fields and no others', () => {
  const requirements = parseFieldSelector('spec.color=red,metadata.name=web-1');
  assert.deepEqual(unsupportedFields(requirements, fields), ['spec.color']);
  assert.equal(requiredFieldValue(requirements, 'metadata.name'), 'web-1');
  assert.equal(requiredFieldValue(requirements, 'spec.nodeName'), undefined);
});
