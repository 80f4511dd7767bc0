import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createWorkQueue } from './work-queue.ts';

const { signal } = new AbortController();

test('a burst about one key is one piece of work', async () => {
  const queue = createWorkQueue(createFakeClock());
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  assert.equal(queue.size(), 2);
  assert.deepEqual([await queue.take(signal), await queue.take(signal)], ['a', 'b']);
});

test('a key added while it is processed comes again, but not before it is done', async () => {
  const queue = createWorkQueue(createFakeClock());
  queue.add('a');
  await queue.take(signal);
  queue.add('a');
  assert.equal(queue.size(), 0);
  queue.done('a');
  assert.equal(await queue.take(signal), 'a');
  queue.done('a');
  assert.equal(queue.size(), 0);
});

test('takers who wait get keys in the order they came', async () => {
  const queue = createWorkQueue(createFakeClock());
  const taken = [queue.take(signal), queue.take(signal)];
  queue.add('a');
  queue.add('b');
  assert.deepEqual(await Promise.all(taken), ['a', 'b']);
});

test('an aborted wait takes no key with it', async () => {
  const queue = createWorkQueue(createFakeClock());
  const stop = new AbortController();
  const waiting = queue.take(stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  queue.add('a');
  assert.equal(await queue.take(signal), 'a');
});

test('of several delays for a key the earliest counts', async () => {
  const clock = createFakeClock();
  const queue = createWorkQueue(clock);
  queue.addAfter('a', 500);
  queue.addAfter('a', 100);
  queue.addAfter('a', 900);
  assert.equal(clock.waiting(), 1);
  await clock.advance(99);
  assert.equal(queue.size(), 0);
  await clock.advance(1);
  assert.equal(queue.size(), 1);
});

test('failures double the delay from 5 ms to 1000 s, each key for itself, until it is forgotten', () => {
  const queue = createWorkQueue(createFakeClock());
  assert.deepEqual(
    Array.from({ length: 4 }, () => queue.addAfterFailure('a')),
    [5, 10, 20, 40],
  );
  assert.equal(queue.addAfterFailure('b'), 5);
  for (let count = 0; count < 20; count++) queue.addAfterFailure('a');
  assert.equal(queue.addAfterFailure('a'), 1_000_000);
  queue.forget('a');
  assert.equal(queue.addAfterFailure('a'), 5);
});

test('nothing is delayed for longer than a day, which timers could not do', async () => {
  const clock = createFakeClock();
  const queue = createWorkQueue(clock);
  queue.addAfter('a', 365 * 86_400_000);
  await clock.advance(86_400_000);
  assert.equal(queue.size(), 1);
});

test('a closed queue leaves no timer behind', () => {
  const clock = createFakeClock();
  const queue = createWorkQueue(clock);
  queue.addAfter('a', 500);
  queue.close();
  assert.equal(clock.waiting(), 0);
});
