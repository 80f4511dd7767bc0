import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageOf, formatAge, normalizeTime } from './time.ts';

const ages = [
  [-5, '<invalid>'],
  [-1, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [125, '2m5s'],
  [600, '10m'],
  [10_799, '179m'],
  [10_800, '3h'],
  [11_100, '3h5m'],
  [30_000, '8h'],
  [172_800, '2d'],
  [190_000, '2d4h'],
  [700_000, '8d'],
  [63_072_000, '2y'],
  [63_072_000 + 86_400 * 3, '2y3d'],
  [31_536_000 * 9, '9y'],
] as const;
for (const [seconds, text] of ages) {
  test(`${seconds} seconds are shown as ${text}`, () => assert.equal(formatAge(seconds * 1000), text));
}

test('an absent time has an unknown age', () => {
  assert.equal(ageOf(undefined, 0), '<unknown>');
  assert.equal(ageOf('1970-01-01T00:00:00Z', 60_000), '60s');
});

test('times are stored in UTC, whole seconds or six digits of them', () => {
  assert.equal(normalizeTime('2026-01-01T12:00:00.987+02:00', 'time'), '2026-01-01T10:00:00Z');
  assert.equal(normalizeTime('2026-01-01T12:00:00.9Z', 'micro-time'), '2026-01-01T12:00:00.900000Z');
  assert.equal(normalizeTime('2026-01-01T12:00:00.123456789Z', 'micro-time'), '2026-01-01T12:00:00.123456Z');
  assert.equal(normalizeTime('yesterday', 'time'), undefined);
  assert.equal(normalizeTime('2026-13-41T12:00:00Z', 'time'), undefined);
});
