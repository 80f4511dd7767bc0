/** Simulated nodes beside the real ones: as chosen on the command line, kept like any node, with pods that only pretend to run. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { applyManifest, eventually, getJson, type Json, kubectl, run } from './cluster.ts';

const keelson = (...args: readonly string[]) => run(join(import.meta.dirname, '../bin/keelson'), args);
const NAMESPACE = 'e2e-simulated';
const isReady = ({ status }: Json) =>
  status.conditions?.some((condition: Json) => condition.type === 'Ready' && condition.status === 'True');
const simulated = async () => (await getJson('nodes', '-l', 'keelson.dev/simulated=true')).items;

async function add(...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await keelson('nodes', 'add', ...args);
  assert.equal(code, 0, stderr || stdout);
}

function deployment(replicas: number): string {
  const labels = { app: 'pretended' };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'pretended', namespace: NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { gpu: 'yes' },
          tolerations: [{ key: 'keelson.dev/simulated', operator: 'Exists' }],
          containers: [{ name: 'app', image: 'there.is/no-such-image:v1', resources: { limits: { 'nvidia.com/gpu': '4' } } }],
        },
      },
    },
  });
}

before(async () => {
  await kubectl('create', 'namespace', NAMESPACE);
});
after(async () => {
  await kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
  await keelson('nodes', 'remove');
});

test('nodes are added with the capacity, labels and zones that were chosen, and are Ready', async () => {
  await add('4', '--cpu', '64', '--resource', 'nvidia.com/gpu=8', '--zone', 'a,b', '--label', 'gpu=yes');
  const nodes = await simulated();
  assert.deepEqual(
    nodes.map(({ metadata }: Json) => [metadata.name, metadata.labels['topology.kubernetes.io/zone']]),
    [
      ['simulated-1', 'a'],
      ['simulated-2', 'b'],
      ['simulated-3', 'a'],
      ['simulated-4', 'b'],
    ],
  );
  for (const node of nodes) {
    assert.ok(isReady(node));
    assert.equal(node.status.allocatable['nvidia.com/gpu'], '8');
    assert.equal(node.spec.taints.find((taint: Json) => taint.key === 'keelson.dev/simulated').effect, 'NoSchedule');
  }
});

test('pods that ask for them are scheduled by their capacity, and become ready', async () => {
  await applyManifest(NAMESPACE, deployment(9));
  const pods = async () => (await getJson('pods', '-n', NAMESPACE)).items;
  // Two of four fit onto each of four nodes.
  await eventually('eight pods are ready', async () => (await pods()).filter(isReady).length === 8);
  const waiting = (await pods()).filter((pod: Json) => !isReady(pod));
  await eventually('one pod waits for room', async () => {
    const [pod] = (await pods()).filter((candidate: Json) => candidate.metadata.name === waiting[0].metadata.name);
    return pod.status.conditions?.some((condition: Json) => /Insufficient nvidia\.com\/gpu/.test(condition.message ?? ''));
  });
  await add('1', '--resource', 'nvidia.com/gpu=8', '--label', 'gpu=yes');
  await eventually('the new node takes it', async () => (await pods()).filter(isReady).length === 9);
});

test('they are gone when they are removed, and the real ones stay', async () => {
  assert.equal((await keelson('nodes', 'remove')).code, 0);
  await eventually('no simulated node is left', async () => (await simulated()).length === 0);
  assert.equal((await getJson('nodes')).items.filter(isReady).length, 3);
  assert.equal((await keelson('status')).code, 0);
});
