import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseReport, type Result, renderReport, sigOf } from './framework/report.ts';
import { conformanceNames } from './names.ts';
import { conformanceTests } from './tests.ts';

const registered = conformanceTests.map(({ name }) => name);
const page = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8');

test('upstream lists 449 conformance tests', () => assert.equal(new Set(conformanceNames).size, 449));

test('every registered conformance test carries an official name, word for word', () => {
  assert.deepEqual(
    registered.filter((name) => !conformanceNames.includes(name)),
    [],
  );
});

test('no official name is registered twice', () => {
  assert.deepEqual(
    registered.filter((name, index) => registered.indexOf(name) !== index),
    [],
  );
});

test('docs/conformance.md tells of every test, and "not yet" of exactly those that are not registered', () => {
  const told = parseReport(page);
  assert.deepEqual([...told.keys()], conformanceNames);
  const notYet = [...told].filter(([, result]) => result === 'not yet').map(([name]) => name);
  assert.deepEqual(
    notYet,
    [...told.keys()].filter((name) => !registered.includes(name)),
  );
});

test('the page read back says what was written, counts it by SIG and survives being written again', () => {
  const names = ['[sig-b] takes a | and a <kind>', '[sig-a] one', '[sig-a] two'];
  const results = new Map<string, Result>([
    ['[sig-b] takes a | and a <kind>', 'pass'],
    ['[sig-a] two', 'fail'],
  ]);
  const rendered = renderReport(names, results);
  assert.match(rendered, /^\| sig-a \| 2 \| 0 \| 1 \| 1 \|$/m);
  assert.match(rendered, /^\| all \| 3 \| 1 \| 1 \| 1 \|$/m);
  assert.deepEqual(Object.fromEntries(parseReport(rendered)), { ...Object.fromEntries(results), '[sig-a] one': 'not yet' });
  assert.equal(renderReport(names, parseReport(rendered)), rendered);
});

test('a name tells its SIG', () => assert.equal(sigOf('[sig-api-machinery] Watchers should'), 'sig-api-machinery'));
