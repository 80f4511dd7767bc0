/** The etcd storage keeps the storage contract on a real etcd, fails clearly while etcd is away, and comes back by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createEtcdStorage, type EtcdStorage } from './etcd-storage.ts';
import { describeStorageContract } from './storage-contract.ts';
import { aConfigMap } from './testing/cached-object.ts';
import { startCuttingProxy } from './testing/cutting-proxy.ts';
import { type EtcdContainer, startEtcd } from './testing/etcd-container.ts';

const opened: EtcdStorage[] = [];
let etcd: EtcdContainer;

function open(endpoint: string): EtcdStorage {
  const storage = createEtcdStorage({ endpoints: [endpoint], log: silentLogger, clock: systemClock, random: systemRandom });
  opened.push(storage);
  return storage;
}

before(async () => {
  etcd = await startEtcd();
});

after(async () => {
  await Promise.all(opened.map((storage) => storage.close()));
  await etcd.stop();
});

describeStorageContract('etcd-storage', async () => {
  const storage = open(etcd.endpoint);
  return { storage, compact: storage.compact };
});

test('etcd-storage puts a long page together from several messages of one revision', async () => {
  const storage = open(etcd.endpoint);
  const names = Array.from({ length: 2_100 }, (_, index) => `map-${String(index).padStart(4, '0')}`);
  await Promise.all(names.map((name) => storage.create(`/registry/core/configmaps/long/${name}`, aConfigMap(name))));
  const page = await storage.list('/registry/core/configmaps/long/', { limit: 2_050 });
  assert.deepEqual([page.items.length, page.hasMore, page.items.at(-1)?.key.slice(-8)], [2_050, true, 'map-2049']);
});

test('etcd-storage reads and writes objects larger than gRPC’s default message', async () => {
  const storage = open(etcd.endpoint);
  const big = { text: 'x'.repeat(1_000_000) };
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await storage.create(`/registry/core/configmaps/big/${name}`, aConfigMap(name, big));
  assert.equal((await storage.list('/registry/core/configmaps/big/', { limit: 10 })).items.length, 6);
  const tooBig = aConfigMap('g', { text: 'x'.repeat(2_000_000) });
  await assert.rejects(storage.create('/registry/core/configmaps/big/g', tooBig), (error) => isReason(error, 'RequestEntityTooLarge'));
});

test('etcd-storage may compact twice to the same revision', async () => {
  const storage = open(etcd.endpoint);
  const revision = await storage.currentRevision();
  await storage.compact(revision);
  await storage.compact(revision);
});

for (const kind of ['refused', 'silent'] as const) {
  test(`etcd-storage fails within its deadline while connections are ${kind}, and works again afterwards`, async (context) => {
    const proxy = await startCuttingProxy(etcd);
    context.after(() => proxy.close());
    const storage = open(proxy.endpoint);
    await storage.currentRevision();
    proxy.setFates(Array.from({ length: 10_000 }, () => ({ kind })));
    proxy.cutAll();
    const key = `/registry/core/configmaps/away/${kind}`;
    const started = performance.now();
    const results = await Promise.allSettled([storage.get(key), storage.create(key, aConfigMap(kind)), storage.currentRevision()]);
    const tookMs = performance.now() - started;
    for (const result of results) assert.ok(result.status === 'rejected' && isReason(result.reason, 'ServiceUnavailable'));
    assert.ok(tookMs < 7_000, `took ${tookMs} ms`);
    proxy.setFates([]);
    proxy.cutAll();
    assert.equal((await storage.create(key, aConfigMap(kind))).key, key);
  });
}
