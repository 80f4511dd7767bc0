/** Thresholds as they are configured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVICTION_HARD_DEFAULT, keptFree, parseDuration, parseThresholds } from './thresholds.ts';

const none = { hard: '', soft: '', softGracePeriods: '', minimumReclaims: '' };

test("upstream's defaults are five hard thresholds, and one for all pods together", () => {
  const thresholds = parseThresholds({ ...none, hard: EVICTION_HARD_DEFAULT });
  assert.deepEqual(
    thresholds.map(({ signal, value }) => [signal, value]),
    [
      ['memory.available', { units: 100 * 2 ** 20 }],
      ['nodefs.available', { part: 0.1 }],
      ['nodefs.inodesFree', { part: 0.05 }],
      ['imagefs.available', { part: 0.15 }],
      ['imagefs.inodesFree', { part: 0.05 }],
      ['allocatableMemory.available', { units: 100 * 2 ** 20 }],
    ],
  );
  assert.equal(keptFree(thresholds, 'nodefs.available', 1000), 100);
  assert.equal(keptFree(thresholds, 'pid.available', 1000), 0);
});

test('a soft threshold has a grace period, any may ask for more to be won back', () => {
  const [threshold] = parseThresholds({
    hard: '',
    soft: 'memory.available<1Gi',
    softGracePeriods: 'memory.available=1m30s',
    minimumReclaims: 'memory.available=500Mi',
  });
  assert.deepEqual(threshold, {
    signal: 'memory.available',
    value: { units: 2 ** 30 },
    graceMs: 90_000,
    minReclaim: { units: 500 * 2 ** 20 },
  });
});

test('nothing, or nothing in a hundred, switches a threshold off', () => {
  assert.deepEqual(parseThresholds({ ...none, hard: 'nodefs.available<0%,memory.available<0' }), []);
});

const wrong = [
  { texts: { ...none, hard: 'gpu.available<1' }, message: /unknown eviction signal "gpu.available"/ },
  { texts: { ...none, hard: 'memory.available' }, message: /has no value/ },
  { texts: { ...none, hard: 'nodefs.available<100%' }, message: /must be >= 0% and < 100%/ },
  {
    texts: { ...none, soft: 'memory.available<1Gi' },
    message: /grace period must be specified for the soft eviction threshold memory.available/,
  },
];
for (const { texts, message } of wrong)
  test(`${texts.hard}${texts.soft} is refused`, () => assert.throws(() => parseThresholds(texts), message));

test('durations are read as Go writes them', () => {
  assert.deepEqual(['30s', '1h0m1s', '1.5m', '250ms'].map(parseDuration), [30_000, 3_601_000, 90_000, 250]);
  assert.throws(() => parseDuration('5 minutes'), /is no duration/);
});
