/** The clock that tests move: it runs, stands and leaps, and nobody is woken late or twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from './testing/fake-clock.ts';
import { createVirtualClock } from './virtual-clock.ts';

const START_MS = Date.UTC(2026, 0, 1);
const never = new AbortController().signal;
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function open() {
  const real = createFakeClock(0);
  const clock = createVirtualClock({ startMs: START_MS, real, settle });
  const rung: string[] = [];
  const ring = (name: string) => () => void rung.push(`${name} at ${clock.now() - START_MS}`);
  return { real, clock, rung, ring };
}

test('virtual-clock runs at the pace of the real one', async () => {
  const { real, clock, rung, ring } = open();
  clock.after(20, ring('b'));
  clock.after(10, ring('a'));
  await real.advance(15);
  assert.deepEqual([clock.now() - START_MS, rung], [15, ['a at 10']]);
});

test('virtual-clock stands still while frozen, and goes on from there', async () => {
  const { real, clock, rung, ring } = open();
  clock.after(10, ring('a'));
  await real.advance(4);
  clock.freeze();
  await real.advance(1_000);
  assert.deepEqual([clock.now() - START_MS, clock.isFrozen(), rung], [4, true, []]);
  clock.resume();
  await real.advance(6);
  assert.deepEqual(rung, ['a at 10']);
});

test('virtual-clock leaps from alarm to alarm, those set on the way included', async () => {
  const { clock, rung, ring } = open();
  clock.freeze();
  clock.after(60_000, () => {
    ring('minute')();
    clock.after(30_000, ring('half a minute later'));
  });
  clock.after(60_000, ring('also'));
  await clock.advance(100_000);
  assert.deepEqual(rung, ['minute at 60000', 'also at 60000', 'half a minute later at 90000']);
  assert.deepEqual([clock.now() - START_MS, clock.isFrozen()], [100_000, true]);
});

test('virtual-clock runs on after an advance, if it ran before', async () => {
  const { real, clock } = open();
  await clock.advance(5_000);
  await real.advance(10);
  assert.equal(clock.now() - START_MS, 5_010);
});

test('virtual-clock goes as far as a condition needs, and says when that is too far', async () => {
  const { clock } = open();
  clock.freeze();
  let isSo = false;
  clock.after(7_000, () => {
    isSo = true;
  });
  assert.equal(await clock.advanceUntil(() => isSo, { virtualMsMax: 60_000 }), 7_000);
  assert.equal(await clock.advanceUntil(() => isSo, { virtualMsMax: 60_000 }), 0);
  await assert.rejects(
    clock.advanceUntil(() => false, { virtualMsMax: 1_000 }),
    /not so within 1000 ms/,
  );
  assert.equal(clock.now() - START_MS, 8_000);
});

test('virtual-clock wakes sleepers, and those whose signal is aborted at once', async () => {
  const { clock } = open();
  clock.freeze();
  const stop = new AbortController();
  const aborted = assert.rejects(clock.sleep(1_000, stop.signal), /enough/);
  const slept = clock.sleep(2_000, never).then(() => clock.now() - START_MS);
  stop.abort(new Error('enough'));
  await aborted;
  await clock.advance(2_000);
  assert.equal(await slept, 2_000);
});

test('virtual-clock is moved by one at a time', async () => {
  const { clock } = open();
  clock.freeze();
  await Promise.all([clock.advance(1_000), clock.advance(1_000)]);
  assert.equal(clock.now() - START_MS, 2_000);
});
