import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runNetworkGuard } from './network-guard.ts';
import { createFakeClock } from './testing/fake-clock.ts';

test('a process whose network has gone ends, to be started again in the new one', async () => {
  const clock = createFakeClock();
  let address: string | undefined = '172.22.0.2';
  const guarding = runNetworkGuard({ clock, findAddress: () => address }, new AbortController().signal);
  await clock.advance(60_000);
  address = undefined;
  const ended = assert.rejects(guarding, /the node's network namespace was replaced/);
  await clock.advance(10_000);
  await ended;
});

test('a process that has only loopback goes on', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const guarding = runNetworkGuard({ clock, findAddress: () => undefined }, stop.signal);
  await clock.advance(60_000);
  stop.abort();
  await guarding;
});
