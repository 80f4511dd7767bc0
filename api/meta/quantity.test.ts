import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
  quantityToMilli,
  quantityToNumber,
  roundUpToMilli,
} from './quantity.ts';

const canonical = [
  ['0', '0'],
  ['0Gi', '0'],
  ['-0', '0'],
  ['1', '1'],
  ['+5', '5'],
  ['1.', '1'],
  ['.5', '500m'],
  ['0.5', '500m'],
  ['1000m', '1'],
  ['1500m', '1500m'],
  ['1.5Gi', '1536Mi'],
  ['0.5Gi', '512Mi'],
  ['1024Mi', '1Gi'],
  ['1536', '1536'],
  ['0.5Ki', '512'],
  ['1.00001Ki', '1024010240u'],
  ['1e3', '1e3'],
  ['1E3', '1e3'],
  ['1000e0', '1e3'],
  ['1E', '1E'],
  ['100k', '100k'],
  ['1000k', '1M'],
  ['-1.5', '-1500m'],
  ['0.1n', '1n'],
  ['100E', '9223372036854775807'],
  ['1e999999', '9223372036854775807'],
] as const;
for (const [text, expected] of canonical) {
  test(`quantity ${text} is stored as ${expected}`, () => assert.equal(canonicalQuantity(text), expected));
}

const wrong = [
  ['', /must match the regular expression/],
  ['one', /must match the regular expression/],
  ['1 Gi', /must match the regular expression/],
  ['1.2.3', /unable to parse numeric part/],
  ['.', /unable to parse numeric part/],
  ['1ki', /unable to parse quantity's suffix/],
  ['1K', /unable to parse quantity's suffix/],
  ['1e', /unable to parse quantity's suffix/],
] as const;
for (const [text, message] of wrong) {
  test(`"${text}" is no quantity`, () => assert.throws(() => parseQuantity(text), { constructor: QuantityError, message }));
}

test('a quantity is rounded up to whole units and thousandths', () => {
  assert.equal(quantityToNumber(parseQuantity('1500m')), 2);
  assert.equal(quantityToMilli(parseQuantity('1.0001')), 1001);
  assert.equal(quantityToMilli(parseQuantity('2')), 2000);
  assert.equal(quantityToNumber(parseQuantity('1Gi')), 1_073_741_824);
  assert.equal(formatQuantity(roundUpToMilli(parseQuantity('100u'))), '1m');
});

test('a sum keeps the format of its first part that is not zero', () => {
  assert.equal(formatQuantity(addQuantities(parseQuantity('1Gi'), parseQuantity('1M'))), '1074741824');
  assert.equal(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('1Gi'))), '1Gi');
});

const amount = fc.tuple(
  fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
  fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'Ki', 'Mi', 'Gi', 'e3', 'e-2'),
);
test('canonical text is a fixed point and keeps the amount', () => {
  fc.assert(
    fc.property(amount, ([number, suffix]) => {
      const parsed = parseQuantity(`${number}${suffix}`);
      const text = formatQuantity(parsed);
      assert.equal(canonicalQuantity(text), text);
      assert.equal(compareQuantities(parseQuantity(text), parsed), 0);
    }),
  );
});
