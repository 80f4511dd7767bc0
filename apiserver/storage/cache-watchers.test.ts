/** When watchers are woken: at once, unless waking them has just cost time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, systemClock } from '#component/clock.ts';
import { createCacheWatchers } from './cache-watchers.ts';
import { createEventWindow } from './event-window.ts';
import { aCacheEvent } from './testing/cached-object.ts';

test('after a round of waking, the next begins when as much time has passed, with everything that came meanwhile', async () => {
  let nowMs = 0;
  let revision = 0n;
  const timers: { readonly durationMs: number; readonly callback: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonic: () => nowMs,
    after: (durationMs, callback) => {
      timers.push({ durationMs, callback });
      return () => {};
    },
  };
  const window = createEventWindow(0n);
  const watchers = createCacheWatchers(window, () => revision, clock);
  const watch = watchers.open('/registry/', 0n);
  const signal = new AbortController().signal;
  const change = () => {
    const events = [aCacheEvent(++revision)];
    window.append(events, nowMs);
    watchers.notify(events, window.endPosition() - 1);
  };
  const first = watch.next(signal).then(({ events }) => {
    nowMs += 6;
    return events.length;
  });
  change();
  assert.equal(await first, 1, 'the first is told at once');
  await nextTurn();
  const second = watch.next(signal);
  change();
  change();
  assert.deepEqual(
    timers.map(({ durationMs }) => durationMs),
    [6],
  );
  timers[0]?.callback();
  assert.equal((await second).events.length, 2);
});
