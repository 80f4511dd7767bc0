/** Many waits on one timer: each in its time, none twice, none after it was cancelled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createTimerWheel } from './timer-wheel.ts';

function aWheel() {
  const clock = createFakeClock();
  const wheel = createTimerWheel(clock);
  const rung: string[] = [];
  const ring = (name: string) => () => void rung.push(`${name}@${clock.monotonic()}`);
  return { clock, wheel, rung, ring };
}

test('waits end in the order of their time, whatever the order they were asked for in', async () => {
  const { clock, wheel, rung, ring } = aWheel();
  wheel.after(3_000, ring('c'));
  wheel.after(1_000, ring('a'));
  wheel.after(2_000, ring('b'));
  await clock.advance(5_000);
  assert.deepEqual(rung, ['a@1000', 'b@2000', 'c@3000']);
  assert.equal(wheel.size(), 0);
});

test('a wait is never shorter than asked, and not a tick longer', async () => {
  const { clock, wheel, rung, ring } = aWheel();
  await clock.advance(37);
  wheel.after(1_000, ring('a'));
  await clock.advance(5_000);
  assert.deepEqual(rung, ['a@1100']);
});

test('any number of waits costs one timer', async () => {
  const { clock, wheel } = aWheel();
  for (let index = 1; index <= 1_000; index++) wheel.after(index * 50, () => {});
  assert.equal(clock.waiting(), 1);
  await clock.advance(60_000);
  assert.equal(wheel.size(), 0);
  assert.equal(clock.waiting(), 0);
});

test('a wait of more than one round comes in its own round', async () => {
  const { clock, wheel, rung, ring } = aWheel();
  wheel.after(61_000, ring('late'));
  wheel.after(1_000, ring('early'));
  await clock.advance(10 * 60_000);
  assert.deepEqual(rung, ['early@1000', 'late@61000']);
});

test('a wait that was cancelled does not end', async () => {
  const { clock, wheel, rung, ring } = aWheel();
  const cancel = wheel.after(1_000, ring('a'));
  wheel.after(1_000, ring('b'));
  cancel();
  cancel();
  await clock.advance(5_000);
  assert.deepEqual(rung, ['b@1000']);
});

test('a wait may be asked for from within another one', async () => {
  const { clock, wheel, rung, ring } = aWheel();
  wheel.after(1_000, () => wheel.after(500, ring('a')));
  await clock.advance(5_000);
  assert.deepEqual(rung, ['a@1500']);
});
