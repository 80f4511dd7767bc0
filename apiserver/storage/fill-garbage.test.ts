import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFillGarbage } from './fill-garbage.ts';

const MIB = 1024 * 1024;

/** After which of so many pages garbage was collected, counted from one. */
function collectedAfter(pages: number, pageBytes: number): readonly number[] {
  const after: number[] = [];
  let page = 0;
  const garbage = createFillGarbage(() => after.push(page));
  for (page = 1; page <= pages; page++) garbage.add(pageBytes);
  return after;
}

test('the garbage of a small database is left to V8', () => {
  assert.deepEqual(collectedAfter(3, MIB), []);
});

test('the garbage of filling is collected every four mebibytes', () => {
  assert.deepEqual(collectedAfter(12, MIB), [4, 8, 12]);
});

test('collections become rarer as there is more to look through', () => {
  const after = collectedAfter(1024, MIB);
  assert.ok(after.length < 50, `${after.length} collections`);
  assert.ok((after.at(-1) ?? 0) - (after.at(-2) ?? 0) > 100);
});

test('without a way to collect, nothing happens', () => {
  createFillGarbage(undefined).add(1024 * MIB);
});
