/** The Docker engine restarted under the whole cluster, as after a reboot or an upgrade of Docker: everything comes back by itself. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { request } from 'undici';
import {
  aNamespace,
  applyManifest,
  eventually,
  getJson,
  helloManifest,
  type Json,
  nodeAddresses,
  rolledOut,
  run,
  runningContainers,
} from './cluster.ts';

const PID_FILE = '/var/run/docker.pid';
/** Stopping some thirty containers and starting them again takes the engine a while on two cores. */
const ENGINE_MS_MAX = 120_000;

/** Stops and starts the engine as its supervisor would, and nothing else: the cluster must come back without anybody's help. */
async function restartEngine(): Promise<void> {
  if (existsSync('/run/systemd/system')) return void (await expectRun('systemctl', ['restart', 'docker']));
  process.kill(Number(readFileSync(PID_FILE, 'utf8')), 'SIGTERM');
  await eventually('the engine has stopped', async () => !existsSync(PID_FILE), ENGINE_MS_MAX);
  spawn('dockerd', [], { detached: true, stdio: 'ignore' }).unref();
  await eventually('the engine answers', async () => (await run('docker', ['version'])).code === 0, ENGINE_MS_MAX);
}

async function expectRun(file: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(file, args);
  assert.equal(code, 0, stderr);
}

test('after the engine restarts, pods come back and the Service answers', {
  skip: existsSync(PID_FILE) ? false : 'no engine of ours to restart',
}, async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 2 }));
  await rolledOut(namespace, 'hello');
  const before = await getJson('pods', '-n', namespace);
  await restartEngine();
  await eventually('both pods run again', async () => (await runningContainers(namespace)).length === 2, ENGINE_MS_MAX);
  await eventually(
    'the same pods are ready, each restarted once',
    async () => {
      const now = await getJson('pods', '-n', namespace);
      const restarted = now.items.filter(
        (pod: Json) => pod.status.containerStatuses[0].ready && pod.status.containerStatuses[0].restartCount === 1,
      );
      const uids = (pods: Json) => pods.items.map((pod: Json) => pod.metadata.uid).sort();
      return restarted.length === 2 && uids(now).join() === uids(before).join();
    },
    ENGINE_MS_MAX,
  );
  const port = (await getJson('service', 'hello', '-n', namespace)).spec.ports[0].nodePort;
  for (const [node, address] of await nodeAddresses()) {
    await eventually(`the Service answers through ${node}`, async () => {
      const response = await request(`http://${address}:${port}/`, { reset: true });
      return (await response.body.text()).startsWith('Hello from');
    });
  }
});
