/** Into a container and out again: commands, streams, files and ports, over kubectl as people use it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { request } from 'undici';
import {
  aNamespace,
  applyManifest,
  eventually,
  getJson,
  helloManifest,
  kubeconfigPath,
  kubectl,
  kubectlPath,
  rolledOut,
  tryKubectl,
} from './cluster.ts';

async function aPod(t: TestContext): Promise<{ readonly namespace: string; readonly name: string }> {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const pods = await getJson('pods', '-n', namespace);
  return { namespace, name: pods.items[0].metadata.name };
}

test('a command’s output, errors and exit code come back apart', async (t) => {
  const { namespace, name } = await aPod(t);
  const script = "console.log('out'); console.error('err'); process.exitCode = 7";
  const result = await tryKubectl('exec', name, '-n', namespace, '--', 'node', '-e', script);
  assert.equal(result.code, 7);
  assert.equal(result.stdout, 'out\n');
  assert.match(result.stderr, /^err\n/);
});

test('a file copied in and out is the same file', async (t) => {
  const { namespace, name } = await aPod(t);
  const folder = mkdtempSync(join(tmpdir(), 'keelson-cp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 31) % 256));
  writeFileSync(join(folder, 'there'), bytes);
  await kubectl('cp', join(folder, 'there'), `${namespace}/${name}:/tmp/file`);
  await kubectl('cp', `${namespace}/${name}:/tmp/file`, join(folder, 'back'));
  assert.ok(readFileSync(join(folder, 'back')).equals(bytes));
});

test('a forwarded port leads to the pod', async (t) => {
  const { namespace, name } = await aPod(t);
  const forward = spawn(kubectlPath, ['--kubeconfig', kubeconfigPath, '-n', namespace, 'port-forward', name, ':8080']);
  t.after(() => forward.kill());
  let said = '';
  forward.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const port = await eventually('the port is open', async () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
  const response = await request(`http://127.0.0.1:${port}/`, { reset: true });
  assert.match(await response.body.text(), new RegExp(`^Hello from ${name} `));
});
