/** The server on a real etcd: what must survive its restart, and what clients hear while etcd is away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createEtcdStorage } from './storage/etcd-storage.ts';
import { type EtcdContainer, startEtcd } from './storage/testing/etcd-container.ts';
import { send, watchFrames } from './testing/http-client.ts';
import { createTestApiServer } from './testing/test-api-server.ts';

let etcd: EtcdContainer;
before(async () => {
  etcd = await startEtcd();
});
after(() => etcd.stop());

const SERVICES = '/api/v1/namespaces/default/services';
const aService = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { type: 'NodePort', ports: [{ port: 80 }] },
});

const openStorage = () => createEtcdStorage({ endpoints: [etcd.endpoint], clock: systemClock, random: systemRandom, log: silentLogger });

async function createServices(from: number, count: number): Promise<readonly (readonly [unknown, unknown])[]> {
  const storage = openStorage();
  await using server = await createTestApiServer({ storage });
  const names = Array.from({ length: count }, (_, index) => `web-${from + index}`);
  const answers = await Promise.all(names.map((name) => send(server, SERVICES, { method: 'POST', body: aService(name) })));
  assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))], [201]);
  return answers.map((answer) => [answer.at('spec.clusterIP'), answer.at('spec.ports.0.nodePort')]);
}

test('addresses and node ports stay unique under concurrent creations and across a restart', async () => {
  const all = [...(await createServices(0, 30)), ...(await createServices(30, 30))];
  assert.equal(new Set(all.map(([address]) => address)).size, 60);
  assert.equal(new Set(all.map(([, port]) => port)).size, 60);
});

test('a second server on the same etcd sees what the first one writes', async () => {
  await using first = await createTestApiServer({ storage: openStorage() });
  await using second = await createTestApiServer({ storage: openStorage() });
  const frames = watchFrames(second, '/api/v1/namespaces/kube-public/configmaps?watch=true');
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shared' } };
  const created = await send(first, '/api/v1/namespaces/kube-public/configmaps', { method: 'POST', body });
  const read = await send(second, '/api/v1/namespaces/kube-public/configmaps/shared');
  assert.deepEqual(read.body, created.body);
  for await (const frame of frames) {
    assert.deepEqual(frame, { type: 'ADDED', object: created.body });
    break;
  }
});

test('while etcd is away, writes are refused with a reason, and promptly', { timeout: 60_000 }, async () => {
  const own = await startEtcd();
  const storage = createEtcdStorage({ endpoints: [own.endpoint], clock: systemClock, random: systemRandom, log: silentLogger });
  await using server = await createTestApiServer({ storage });
  await own.stop();
  const began = systemClock.monotonic();
  const answer = await send(server, SERVICES, { method: 'POST', body: aService('late') });
  assert.ok([500, 503, 504].includes(answer.statusCode), answer.text);
  assert.equal(answer.at('kind'), 'Status');
  assert.ok(systemClock.monotonic() - began < 15_000);
  assert.equal((await send(server, '/livez')).text, 'ok');
});
