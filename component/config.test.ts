/** Configuration: all problems at once, each with the variable's name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';

test('values are read, with defaults where they are missing', () => {
  const config = readConfig({ NAME: 'worker-1', PORT: '7000' });
  assert.equal(config.text('NAME'), 'worker-1');
  assert.equal(config.text('SERVER', 'https://control-plane:6443'), 'https://control-plane:6443');
  assert.equal(config.integer('PORT', { min: 1, max: 65_535 }), 7000);
  assert.equal(config.integer('HEALTH_PORT', { fallback: 10_248, min: 1, max: 65_535 }), 10_248);
  config.finish();
});

test('every problem is named before anything starts', () => {
  const config = readConfig({ PORT: 'many' });
  config.text('NODE_NAME');
  config.integer('PORT', { min: 1, max: 65_535 });
  config.file('KEELSON_CA', '/nowhere/ca.crt');
  assert.throws(
    () => config.finish(),
    /NODE_NAME must be set\n.*PORT must be a whole number from 1 to 65535\n.*KEELSON_CA: cannot read \/nowhere\/ca.crt/,
  );
});
