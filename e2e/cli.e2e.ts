/** The `keelson` command on a running cluster: it says so, changes nothing when run again, and tells what is wrong. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compose, eventually, getJson, type Json, kubeconfigPath, kubectl, run } from './cluster.ts';

const keelson = (...args: readonly string[]) => run(join(import.meta.dirname, '../bin/keelson'), args);

test('three nodes are Ready, in the roles the quick start promises', async () => {
  const nodes = await getJson('nodes');
  assert.deepEqual(nodes.items.map((node: Json) => node.metadata.name).sort(), ['control-plane', 'worker-1', 'worker-2']);
  for (const node of nodes.items) assert.equal(node.status.conditions.find((condition: Json) => condition.type === 'Ready').status, 'True');
  assert.match(await kubectl('get', 'nodes'), /control-plane\s+Ready\s+control-plane\s/);
});

test('the kubeconfig is the user’s alone and names the cluster', () => {
  assert.equal(statSync(kubeconfigPath).mode & 0o777, 0o600);
  const text = readFileSync(kubeconfigPath, 'utf8');
  assert.match(text, /server: "?https:\/\/127\.0\.0\.1:6443"?/);
  assert.match(text, /current-context: "?keelson"?/);
});

test('start on a running cluster changes no container', async () => {
  const before = await compose('ps', '-q');
  const again = await keelson('start');
  assert.equal(again.code, 0, again.stderr || again.stdout);
  assert.match(again.stdout, /Hello from hello-/);
  assert.equal(await compose('ps', '-q'), before);
});

test('status is quiet when all is well and names a stopped part', async (t) => {
  await eventually('all is well', async () => (await keelson('status')).code === 0);
  await compose('stop', '--timeout=1', 'scheduler');
  t.after(() => compose('start', 'scheduler'));
  const sick = await keelson('status');
  assert.equal(sick.code, 1);
  assert.match(sick.stdout, /^.*scheduler.*$/m);
});

test('doctor finds nothing missing on a machine that runs a cluster', async () => {
  const healthy = await keelson('doctor');
  assert.equal(healthy.code, 0, healthy.stdout);
});
