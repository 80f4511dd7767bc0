import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWarnings } from './warnings.ts';

const headersOf = (...texts: readonly string[]) => {
  const warnings = createWarnings();
  for (const text of texts) warnings.add(text);
  return warnings.headers();
};

test('warnings are quoted, each once', () => {
  assert.deepEqual(headersOf('a "b" \\ ü\n', 'c', 'c'), ['299 - "a \\"b\\" \\\\ ??"', '299 - "c"']);
});

test('warnings that are too long together are cut, and the last of them left out', () => {
  const texts = Array.from({ length: 40 }, (_, index) => `${index}${'x'.repeat(500)}`);
  const headers = headersOf(...texts);
  assert.equal(headers.length, 16);
  assert.equal(headers[0]?.length, '299 - ""'.length + 256);
});
