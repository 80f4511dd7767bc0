/** The fake clock keeps the promises of the real one, only on command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMicroTime, formatTime } from './clock.ts';
import { createFakeClock } from './testing/fake-clock.ts';

test('sleepers wake in the order of their time, also within one advance', async () => {
  const clock = createFakeClock();
  const woken: string[] = [];
  const { signal } = new AbortController();
  const sleepers = [30, 10, 20].map((ms) => clock.sleep(ms, signal).then(() => woken.push(String(ms))));
  await clock.advance(25);
  assert.deepEqual(woken, ['10', '20']);
  await clock.advance(5);
  await Promise.all(sleepers);
  assert.deepEqual(woken, ['10', '20', '30']);
});

test('a sleeper that sleeps again within the same advance is woken again', async () => {
  const clock = createFakeClock();
  const { signal } = new AbortController();
  let naps = 0;
  const loop = async () => {
    while (naps < 3) {
      await clock.sleep(10, signal);
      naps += 1;
    }
  };
  const done = loop();
  await clock.advance(35);
  await done;
  assert.equal(naps, 3);
});

test('an abort ends a sleep with the signal’s reason and leaves no alarm behind', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const sleeping = clock.sleep(1_000, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(sleeping, /enough/);
  assert.equal(clock.waiting(), 0);
});

test('a cancelled timer does not ring', async () => {
  const clock = createFakeClock();
  let rang = false;
  const cancel = clock.after(10, () => {
    rang = true;
  });
  cancel();
  await clock.advance(20);
  assert.equal(rang, false);
});

test('times are written as the API writes them', () => {
  const moment = Date.UTC(2026, 10, 20, 8, 0, 1, 23);
  assert.equal(formatTime(moment), '2026-11-20T08:00:01Z');
  assert.equal(formatMicroTime(moment), '2026-11-20T08:00:01.023000Z');
});
