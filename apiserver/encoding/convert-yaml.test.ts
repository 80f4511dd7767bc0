import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createYamlConverter } from './convert-yaml.ts';

const { convert } = createYamlConverter(systemClock);
const YAML = 'application/yaml';
const long = `a: b\nitems:\n${'- {name: x, value: 1}\n'.repeat(2_000)}`;

test('short YAML, and whatever is not YAML, stays as it is', async () => {
  for (const given of [
    { body: Buffer.from('a: b'), contentType: YAML },
    { body: Buffer.from(long), contentType: 'application/json' },
    { body: Buffer.from(long), contentType: undefined },
  ]) {
    assert.deepEqual(await convert(given), given);
  }
});

test('long YAML becomes JSON, and the event loop goes on meanwhile', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const { body, contentType } = await convert({ body: Buffer.from(long), contentType: 'application/yaml; charset=utf-8' });
  delay.disable();
  assert.equal(contentType, 'application/json');
  const value: unknown = JSON.parse(body.toString());
  assert.ok(typeof value === 'object' && value !== null);
  assert.equal(Reflect.get(value, 'a'), 'b');
  assert.equal(Reflect.get(value, 'items').length, 2_000);
});

test('an apply keeps its name, and JSON in it is let be', async () => {
  const json = Buffer.from(JSON.stringify({ a: 'x'.repeat(10_000) }));
  const contentType = 'application/apply-patch+yaml';
  assert.deepEqual(await convert({ body: json, contentType }), { body: json, contentType });
  assert.equal((await convert({ body: Buffer.from(long), contentType })).contentType, contentType);
});

test('what is wrong with long YAML is told, one after the other', async () => {
  const rows = [
    { text: `${long}: [`, why: /error decoding YAML/ },
    { text: `{${'[],'.repeat(20_000)}`, why: /error decoding YAML/ },
    { text: `${'# nothing\n'.repeat(1_000)}&a [*a, *a]`, why: /exceeded max depth of 200/ },
  ];
  const refused = rows.map(({ text, why }) =>
    assert.rejects(convert({ body: Buffer.from(text), contentType: YAML }), { reason: 'BadRequest', message: why }),
  );
  await Promise.all(refused);
});

test('nobody reads YAML for ever', async () => {
  const clock = createFakeClock();
  const slow = createYamlConverter(clock).convert({ body: Buffer.from('- a\n'.repeat(500_000)), contentType: YAML });
  const refused = assert.rejects(slow, { reason: 'BadRequest', message: 'error decoding YAML: it takes too long to read' });
  await clock.advance(20_000);
  await refused;
});

test('a long text in YAML tells of the keys that occur twice in it', async () => {
  const filler = Array.from({ length: 1_000 }, (_, index) => `  key-${index}: value`).join('\n');
  const text = `apiVersion: v1\nkind: ConfigMap\ndata:\n${filler}\n  key-3: again\n`;
  const { repeatedKeys } = await convert({ body: Buffer.from(text), contentType: YAML });
  assert.deepEqual(repeatedKeys, [{ path: undefined, key: 'key-3', line: 1_004 }]);
});
