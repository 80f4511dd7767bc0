/** Who shares a read and who must not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareReads } from './shared-read.ts';

test('shared-read lets all who arrive during a read share the next one', async () => {
  const finish: (() => void)[] = [];
  let started = 0;
  const read = shareReads(async () => {
    const number = ++started;
    await new Promise<void>((resolve) => finish.push(resolve));
    return number;
  });
  const first = read();
  const [second, third] = [read(), read()];
  finish.shift()?.();
  assert.equal(await first, 1);
  assert.equal(started, 2);
  const fourth = read();
  finish.shift()?.();
  assert.deepEqual(await Promise.all([second, third]), [2, 2]);
  finish.shift()?.();
  assert.equal(await fourth, 3);
});

test('shared-read passes a failure to those who waited for it, and reads again for the rest', async () => {
  let calls = 0;
  const read = shareReads(async () => {
    if (++calls === 1) throw new Error('away');
    return 'back';
  });
  const [first, second] = [read(), read()];
  await assert.rejects(first, /away/);
  assert.equal(await second, 'back');
  assert.equal(await read(), 'back');
});
