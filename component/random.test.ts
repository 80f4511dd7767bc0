/** Seeded randomness repeats; generated suffixes are safe in names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomSuffix, seededRandom, systemRandom } from './random.ts';

test('the same seed gives the same sequence, another seed another', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return [random.next(), random.next(), random.uuid()];
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('uuids are of version 4', () => {
  const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(seededRandom(1).uuid(), version4);
  assert.match(systemRandom.uuid(), version4);
});

test('a suffix is five characters without vowels', () => {
  for (let seed = 0; seed < 50; seed++) assert.match(randomSuffix(seededRandom(seed)), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});
