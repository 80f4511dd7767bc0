import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapInTurns } from './turns.ts';

test('all are changed, in order, and others get their turn in between', async () => {
  const items = Array.from({ length: 100 }, (_, index) => ({ index, bytes: Buffer.alloc(1_000) }));
  let turns = 0;
  let isOver = false;
  const others = () => {
    turns++;
    if (!isOver) setImmediate(others);
  };
  setImmediate(others);
  assert.deepEqual(
    await mapInTurns(items, ({ index }) => index, 10_000),
    items.map(({ index }) => index),
  );
  isOver = true;
  assert.ok(turns >= 9, `${turns} turns`);
});
