/** Restarts wait 10 s, doubling to 5 minutes, and are forgiven after 10 minutes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beganAtOnce, formatDelay, nextBackOff, retryTimeMs } from './back-off.ts';
import type { BackOff } from './pod-snapshot.ts';

test('the first restart comes at once, later ones ever later, up to five minutes', () => {
  const waits: number[] = [];
  let entry: BackOff | undefined;
  let nowMs = 0;
  for (let restart = 0; restart < 8; restart++) {
    waits.push((retryTimeMs(entry, nowMs) - nowMs) / 1000);
    const finishedAtMs = nowMs;
    nowMs = retryTimeMs(entry, nowMs);
    entry = nextBackOff(entry, finishedAtMs, nowMs);
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
});

test('ten good minutes are forgiven', () => {
  const entry = { delayMs: 300_000, updatedAtMs: 0 };
  assert.equal(retryTimeMs(entry, 600_001), 600_001);
  assert.equal(nextBackOff(entry, 600_001, 600_001).delayMs, 10_000);
});

test('delays read as Go prints them', () => assert.deepEqual([10_000, 80_000, 300_000].map(formatDelay), ['10s', '1m20s', '5m0s']));

test('the first restart, which waits for nothing, is not told as a wait', () => {
  const firstRestart = nextBackOff(undefined, 1_000, 1_005);
  assert.equal(beganAtOnce(firstRestart, 1_000), true);
  assert.equal(beganAtOnce(firstRestart, 2_000), false, 'once that one has failed there is a wait');
  assert.equal(beganAtOnce(nextBackOff(firstRestart, 2_000, 12_000), 2_000), false);
});
