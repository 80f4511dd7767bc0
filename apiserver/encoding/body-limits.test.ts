import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BOXES_MAX, excessOfJson, excessOfValue, NESTING_DEPTH_MAX } from './body-limits.ts';

const boxes = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

test('as deep as may be is not too deep', () => {
  assert.equal(excessOfJson(Buffer.from(boxes(NESTING_DEPTH_MAX))), undefined);
  assert.equal(excessOfJson(Buffer.from(boxes(NESTING_DEPTH_MAX + 1))), 'exceeded max depth of 200');
  assert.equal(excessOfValue(JSON.parse(boxes(NESTING_DEPTH_MAX))), undefined);
  assert.equal(excessOfValue(JSON.parse(boxes(NESTING_DEPTH_MAX + 1))), 'exceeded max depth of 200');
});

test('many boxes side by side are too many', () => {
  const many = `[${'{},'.repeat(BOXES_MAX)}1]`;
  assert.equal(excessOfJson(Buffer.from(many)), 'exceeded max of 100000 lists and maps');
  assert.equal(excessOfValue(JSON.parse(many)), 'exceeded max of 100000 lists and maps');
});

test('a value that contains itself, or another again and again, ends', () => {
  const itself: unknown[] = [];
  itself.push(itself, itself);
  assert.equal(excessOfValue(itself), 'exceeded max depth of 200');
  let laughs: unknown = 'ha';
  for (let level = 0; level < 12; level++) laughs = Array(10).fill(laughs);
  assert.equal(excessOfValue(laughs), 'exceeded max of 100000 lists and maps');
});

test('brackets in strings are text', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(excessOfJson(Buffer.from(JSON.stringify([text + boxes(300)]))), undefined)));
});

test('both ways of measuring agree', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.equal(excessOfJson(Buffer.from(JSON.stringify(value))), excessOfValue(value))));
});

test('a body of three megabytes is measured in no time', () => {
  const startedMs = performance.now();
  excessOfJson(Buffer.from('['.repeat(3 * 1024 * 1024)));
  excessOfJson(Buffer.from(`[${'[],'.repeat(1024 * 1024)}1]`));
  assert.ok(performance.now() - startedMs < 1_000);
});
