import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../meta/json.ts';
import { parseSchema } from './schema.ts';
import { validateRules } from './validate-rules.ts';
import { validateValue } from './validate-value.ts';

const text = { type: 'string' };
const whole = { type: 'integer' };
const anObject = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });
const aList = (items: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'array', items, ...more });
const aMap = (additionalProperties: Json): JsonObject => ({ type: 'object', additionalProperties });

const rule = (text: string, more: JsonObject = {}): JsonObject => ({ 'x-kubernetes-validations': [{ rule: text, ...more }] });
const rules: readonly { it: string; schema: JsonObject; value: Json; previous?: Json; problems: readonly string[] }[] = [
  { it: 'that holds', schema: anObject({ b: whole }, rule('self.b > 1')), value: { b: 2 }, problems: [] },
  {
    it: 'that does not',
    schema: anObject({ b: whole }, rule('self.b > 1')),
    value: { b: 1 },
    problems: ['a: Invalid value: "object": failed rule: self.b > 1'],
  },
  {
    it: 'with a message',
    schema: { ...whole, ...rule('self > 1', { message: 'too small' }) },
    value: 1,
    problems: ['a: Invalid value: "integer": too small'],
  },
  {
    it: 'with a computed message, reason and path',
    schema: anObject(
      { b: whole },
      rule('self.b > 1', { messageExpression: '"b is " + string(self.b)', reason: 'FieldValueForbidden', fieldPath: '.b' }),
    ),
    value: { b: 1 },
    problems: ['a.b: Forbidden: b is 1'],
  },
  { it: 'about what is not there', schema: anObject({ b: whole }, rule('!has(self.b) || self.b > 1')), value: {}, problems: [] },
  {
    it: 'that cannot be evaluated',
    schema: anObject({ b: whole }, rule('self.b > 1')),
    value: {},
    problems: ['a: Invalid value: "object": no such key: b evaluating rule: self.b > 1'],
  },
  { it: 'about changes, on creation', schema: { ...text, ...rule('self == oldSelf') }, value: 'x', problems: [] },
  {
    it: 'about changes',
    schema: { ...text, ...rule('self == oldSelf', { message: 'is immutable' }) },
    value: 'x',
    previous: 'y',
    problems: ['a: Invalid value: "string": is immutable'],
  },
  {
    it: 'about creation too',
    schema: { ...text, ...rule('oldSelf.hasValue() || self == "x"', { optionalOldSelf: true }) },
    value: 'y',
    problems: ['a: Invalid value: "string": failed rule: oldSelf.hasValue() || self == "x"'],
  },
  { it: 'broken before and not touched', schema: { ...whole, ...rule('self > 1') }, value: 1, previous: 1, problems: [] },
  {
    it: 'of every item',
    schema: aList({ ...whole, ...rule('self > 1') }),
    value: [2, 1],
    problems: ['a[1]: Invalid value: "integer": failed rule: self > 1'],
  },
  { it: 'over lists', schema: aList(whole, rule('self.all(x, x > 0) && self.sum() == 3 && self.isSorted()')), value: [1, 2], problems: [] },
  {
    it: 'over maps',
    schema: { ...aMap(whole), ...rule('self.all(k, self[k] > 0 && k.matches("^[a-z]$"))') },
    value: { b: 1, c: 2 },
    problems: [],
  },
  { it: 'with an escaped name', schema: anObject({ 'a-b': whole }, rule('self.a__dash__b == 1')), value: { 'a-b': 1 }, problems: [] },
  {
    it: 'about times',
    schema: { ...text, format: 'date-time', ...rule('self > timestamp("2020-01-01T00:00:00Z")') },
    value: '2021-01-01T00:00:00Z',
    problems: [],
  },
  {
    it: 'with a pattern made to take for ever',
    schema: { ...text, ...rule('self.matches("^(a+)+$")') },
    value: 'a'.repeat(5_000),
    problems: [],
  },
];
for (const { it, schema, value, previous, problems } of rules) {
  test(`a rule ${it}`, () => {
    const parsed = parseSchema(anObject({ a: schema }));
    const found = validateRules(parsed, { a: value }, [], previous === undefined ? undefined : { a: previous });
    assert.deepEqual(
      found.map(({ field, message }) => `${field}: ${message}`),
      problems,
    );
  });
}

test('rules that look through too much are stopped', () => {
  const schema = parseSchema(anObject({ a: aList(whole, rule('self.all(x, self.exists(y, x == y))')) }));
  const [problem, ...rest] = validateRules(schema, { a: Array.from({ length: 5_000 }, (_, index) => index) }, []);
  assert.match(problem?.message ?? '', /running out of cost budget/);
  assert.deepEqual(rest, []);
});

test('rules wait until the object is otherwise right', () => {
  const schema = parseSchema(anObject({ a: whole }, { required: ['a'], ...rule('self.a > 1') }));
  const found = validateValue(schema, {}, '');
  assert.match(validateRules(schema, {}, found)[0]?.message ?? '', /some validation rules were not checked/);
});
