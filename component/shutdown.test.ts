/** Parts that run together end together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aborted, runTogether } from './shutdown.ts';

test('an abort ends all parts', async () => {
  const stop = new AbortController();
  const ended: string[] = [];
  const part = (name: string) => async (signal: AbortSignal) => {
    await aborted(signal);
    ended.push(name);
  };
  const all = runTogether(stop.signal, [part('a'), part('b')]);
  stop.abort();
  await all;
  assert.deepEqual(ended.sort(), ['a', 'b']);
});

test('the first failure aborts the other parts and is thrown', async () => {
  const { signal } = new AbortController();
  let otherEnded = false;
  const failing = async () => {
    throw new Error('the lease was lost');
  };
  const other = async (inner: AbortSignal) => {
    await aborted(inner);
    otherEnded = true;
  };
  await assert.rejects(runTogether(signal, [other, failing]), /the lease was lost/);
  assert.equal(otherEnded, true);
});
