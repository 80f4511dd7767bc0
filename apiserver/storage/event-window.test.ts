/** Where a watch may start: positions, limits, resets of the event window. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventWindow } from './event-window.ts';
import { aCacheEvent } from './testing/cached-object.ts';

const limits = { eventsMax: 3, bytesMax: 1_000, ageMsMax: 10_000 };
const revisions = (...numbers: readonly bigint[]) => numbers.map((revision) => aCacheEvent(revision));

function kept(window: ReturnType<typeof createEventWindow>): readonly (bigint | undefined)[] {
  return Array.from(
    { length: window.endPosition() - window.firstPosition() },
    (_, index) => window.at(window.firstPosition() + index)?.revision,
  );
}

test('event-window reaches back to the revision it started at', () => {
  const window = createEventWindow(5n, limits);
  assert.equal(window.oldestRevision(), 5n);
  assert.equal(window.positionAfter(5n), window.endPosition());
});

test('event-window finds the first change behind a revision, also between two', () => {
  const window = createEventWindow(5n, limits);
  window.append(revisions(7n, 9n), 0);
  assert.equal(window.at(window.positionAfter(5n))?.revision, 7n);
  assert.equal(window.at(window.positionAfter(8n))?.revision, 9n);
  assert.equal(window.positionAfter(9n), window.endPosition());
});

test('event-window drops the oldest beyond its number, and then reaches back to the last one dropped', () => {
  const window = createEventWindow(5n, limits);
  window.append(revisions(6n, 7n, 8n, 9n), 0);
  assert.deepEqual(kept(window), [7n, 8n, 9n]);
  assert.equal(window.oldestRevision(), 6n);
});

test('event-window drops what is too old when something new comes', () => {
  const window = createEventWindow(5n, limits);
  window.append(revisions(6n), 0);
  window.append(revisions(7n), 10_001);
  assert.deepEqual(kept(window), [7n]);
});

test('event-window drops the oldest beyond its bytes', () => {
  const window = createEventWindow(5n, limits);
  window.append([aCacheEvent(6n, { bytes: Buffer.alloc(600) }), aCacheEvent(7n, { bytes: Buffer.alloc(600) })], 0);
  assert.deepEqual(kept(window), [7n]);
});

test('event-window keeps positions growing over trims and resets', () => {
  const window = createEventWindow(0n, { ...limits, eventsMax: 1_000 });
  for (let revision = 1n; revision <= 5_000n; revision++) window.append(revisions(revision), 0);
  assert.equal(window.endPosition(), 5_000);
  assert.equal(window.at(4_999)?.revision, 5_000n);
  assert.equal(window.at(3_999), undefined);
  window.reset(6_000n);
  assert.ok(window.firstPosition() > 5_000);
  assert.equal(window.oldestRevision(), 6_000n);
});
