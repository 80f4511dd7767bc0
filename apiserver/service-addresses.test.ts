import assert from 'node:assert/strict';
import { test } from 'node:test';
import { services } from '#api/generated/resources.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock, type FakeClock } from '#component/testing/fake-clock.ts';
import { addressAt, parseRange, placesToTry } from './service-address-range.ts';
import { createServiceAddresses } from './service-addresses.ts';
import { createMemoryStorage } from './storage/memory-storage.ts';
import { createWatchCache } from './storage/watch-cache.ts';
import { storageKey } from './storage-key.ts';

const aService = (name: string, spec: object = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '' },
  ...{ spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec } },
});

async function withAddresses(
  use: (world: {
    storage: ReturnType<typeof createMemoryStorage>;
    clock: FakeClock;
    addresses: ReturnType<typeof createServiceAddresses>;
    settled(): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const storage = createMemoryStorage();
  const clock = createFakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const cache = createWatchCache({ storage, fieldsOf: () => ({}), clock: systemClock, log: silentLogger });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  const settled = () => cache.waitUntilCurrent(stop.signal);
  await settled();
  const addresses = createServiceAddresses({ storage, cache, clock, random: seededRandom(1), serviceCidr: '10.96.0.0/24' });
  try {
    await use({ storage, clock, addresses, settled });
  } finally {
    stop.abort(new Error('over'));
    await running.catch(() => {});
  }
}

test('the lower part of a range is given out last, and every place once', () => {
  const range = parseRange('10.96.0.0/24');
  const places = [...placesToTry(range, seededRandom(7))];
  assert.equal(places.length, 254);
  assert.equal(new Set(places).size, 254);
  assert.equal(addressAt(places.at(-16) ?? 0), '10.96.0.1');
});

test('what is reserved for a write that fails is free again', () =>
  withAddresses(async ({ storage, addresses }) => {
    const session = addresses.session(false);
    await session.reserve(aService('a', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }), undefined);
    assert.ok(await storage.get('/registry/networking.k8s.io/ipaddresses/10.96.0.9'));
    await session.release();
    assert.equal(await storage.get('/registry/networking.k8s.io/ipaddresses/10.96.0.9'), undefined);
  }));

test('a dry run shows an address and reserves none', () =>
  withAddresses(async ({ storage, addresses }) => {
    const before = await storage.currentRevision();
    await addresses.session(true).reserve(aService('a', { type: 'NodePort' }), undefined);
    assert.equal(await storage.currentRevision(), before);
  }));

test('a range that is used up says so', () =>
  withAddresses(async ({ addresses, settled }) => {
    for (let index = 0; index < 254; index++) await addresses.session(false).reserve(aService(`s-${index}`), undefined);
    await settled();
    await assert.rejects(async () => addresses.session(false).reserve(aService('late'), undefined), /range is full/);
  }));

test('repair frees what a crash left behind, once it is surely nobody’s, and keeps what is used', () =>
  withAddresses(async ({ storage, clock, addresses, settled }) => {
    const kept = await addresses.session(false).reserve(aService('kept'), undefined);
    await storage.create(storageKey(services, 'default', 'kept'), kept);
    await addresses.session(false).reserve(aService('crashed', { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'] }), undefined);
    await settled();
    await addresses.repair();
    assert.ok(await storage.get('/registry/networking.k8s.io/ipaddresses/10.96.0.5'), 'it may be of a request under way');
    await clock.advance(300_000);
    await addresses.repair();
    assert.equal(await storage.get('/registry/networking.k8s.io/ipaddresses/10.96.0.5'), undefined);
    const { items } = await storage.list('/registry/networking.k8s.io/ipaddresses/', { limit: 10 });
    assert.equal(items.length, 1);
  }));

test('repair reserves what a Service uses without a reservation', () =>
  withAddresses(async ({ storage, addresses, settled }) => {
    await storage.create(storageKey(services, 'default', 'old'), aService('old', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'] }));
    await settled();
    await addresses.repair();
    assert.ok(await storage.get('/registry/networking.k8s.io/ipaddresses/10.96.0.8'));
  }));
