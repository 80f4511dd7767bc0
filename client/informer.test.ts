import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps } from '#api/generated/resources.ts';
import type { ConfigMap } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createInformer, type InformerOptions } from './informer.ts';
import { createFakeClient, type FakeRequest } from './testing/fake-client.ts';

const namespace = 'default';

/** Clock advances that also let everything asynchronous come to rest. */
const A_MOMENT_MS = 1;
const A_MINUTE_MS = 60_000;

function setUp(options: Partial<InformerOptions<ConfigMap>> = {}, onRequest?: (request: FakeRequest, atMs: number) => void) {
  const clock = createFakeClock();
  const client = createFakeClient({ clock, onRequest: (request) => onRequest?.(request, clock.monotonic()) });
  const informer = createInformer({ type: configmaps, ...options }, { client, clock, random: seededRandom(1), log: silentLogger });
  const changes: string[] = [];
  informer.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
  const stop = new AbortController();
  return { clock, client, informer, changes, stop, running: informer.run(stop.signal), resource: client.resource(configmaps) };
}

function aConfigMap(name: string, labels: Readonly<Record<string, string>> = {}): Draft<ConfigMap> {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels } };
}

test('an informer holds what was there and follows what comes', async () => {
  const { clock, informer, changes, resource, stop, running } = setUp();
  await resource.create(aConfigMap('early'));
  await clock.advance(A_MOMENT_MS);
  assert.equal(informer.hasSynced(), true);
  const late = await resource.create(aConfigMap('late'));
  await resource.update({ ...late, data: { a: '1' } });
  await resource.delete({ namespace, name: 'early' });
  await clock.advance(A_MOMENT_MS);
  assert.deepEqual(changes, ['added early', 'added late', 'updated late', 'deleted early']);
  assert.deepEqual(
    informer.store.list().map(({ data }) => data),
    [{ a: '1' }],
  );
  stop.abort();
  await running;
  assert.equal(clock.waiting(), 0);
});

test('a watch that broke is resumed from the last revision seen, without a list', async () => {
  const { clock, client, changes, resource, stop, running } = setUp();
  await clock.advance(A_MOMENT_MS);
  await resource.create(aConfigMap('before'));
  await clock.advance(A_MOMENT_MS);
  client.endWatches(new ApiError('ServiceUnavailable', 'connection reset'));
  await resource.create(aConfigMap('meanwhile'));
  await clock.advance(A_MINUTE_MS);
  assert.deepEqual(changes, ['added before', 'added meanwhile']);
  assert.equal(client.requests.filter(({ verb }) => verb === 'list').length, 1);
  stop.abort();
  await running;
});

test('after Expired it lists again, and handlers hear exactly what changed', async () => {
  const { clock, client, informer, changes, resource, stop, running } = setUp();
  await resource.create(aConfigMap('kept'));
  await resource.create(aConfigMap('gone'));
  const first = await resource.create(aConfigMap('replaced'));
  await clock.advance(A_MOMENT_MS);
  changes.length = 0;
  client.endWatches(new ApiError('Expired', 'too old resource version'));
  await resource.delete({ namespace, name: 'gone' });
  await resource.delete({ namespace, name: 'replaced' });
  await resource.create(aConfigMap('replaced'));
  await resource.create(aConfigMap('new'));
  client.compact();
  await clock.advance(A_MINUTE_MS);
  assert.deepEqual(changes, ['deleted gone', 'deleted replaced', 'added replaced', 'added new']);
  assert.notEqual(informer.store.find({ namespace, name: 'replaced' })?.metadata.uid, first.metadata.uid);
  stop.abort();
  await running;
});

test('bookmarks move its revision on, and the next watch starts there', async () => {
  const { clock, client, informer, resource, stop, running } = setUp({ labelSelector: 'mine=yes' });
  await clock.advance(A_MOMENT_MS);
  const listedAt = informer.syncedRevision();
  let advances = 0;
  informer.onAdvance(() => {
    advances += 1;
  });
  await resource.create(aConfigMap('not-mine'));
  await clock.advance(A_MOMENT_MS);
  assert.equal(informer.syncedRevision(), listedAt);
  client.bookmark();
  await clock.advance(A_MOMENT_MS);
  assert.equal(informer.syncedRevision(), client.revision());
  assert.equal(advances, 1);
  stop.abort();
  await running;
});

test('a server that cannot be reached is asked again after longer and longer pauses', async () => {
  const times: number[] = [];
  const { clock, stop, running, informer } = setUp({}, ({ verb }, atMs) => {
    if (verb !== 'list') return;
    times.push(atMs);
    if (times.length < 9) throw new ApiError('ServiceUnavailable', 'connection refused');
  });
  await clock.advance(5 * A_MINUTE_MS);
  assert.equal(informer.hasSynced(), true);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  assert.ok(
    pauses.every((pause, index) => pause >= 100 * 2 ** index && pause <= Math.min(200 * 2 ** index, 30_000)),
    String(pauses),
  );
  stop.abort();
  await running;
});

test('a watch that ends at once is not opened in a tight loop', async () => {
  const { clock, client, stop, running } = setUp({}, ({ verb }) => {
    if (verb === 'watch') queueMicrotask(() => client.endWatches());
  });
  await clock.advance(A_MINUTE_MS);
  assert.ok(client.requests.length < 20, `${client.requests.length} requests in a minute`);
  stop.abort();
  await running;
});

test('a server whose history went back is not followed: the process must start afresh', async () => {
  const { clock, client, resource, running } = setUp();
  await resource.create(aConfigMap('lost'));
  await clock.advance(A_MOMENT_MS);
  const failing = assert.rejects(running, /went back from revision 2 to 1/);
  client.forgetEverything();
  await clock.advance(A_MINUTE_MS);
  await failing;
});

test('objects are found by namespace and by index, also after they changed', async () => {
  const { clock, informer, resource, stop, running } = setUp({
    indexes: { colour: ({ metadata }) => (metadata.labels?.colour === undefined ? [] : [metadata.labels.colour]) },
  });
  const created = await resource.create(aConfigMap('one', { colour: 'red' }));
  await clock.advance(A_MOMENT_MS);
  assert.equal(informer.store.listByIndex('colour', 'red').length, 1);
  await resource.update({ ...created, metadata: { ...created.metadata, labels: { colour: 'blue' } } });
  await clock.advance(A_MOMENT_MS);
  assert.equal(informer.store.listByIndex('colour', 'red').length, 0);
  assert.equal(informer.store.listByIndex('colour', 'blue').length, 1);
  assert.equal(informer.store.list('elsewhere').length, 0);
  assert.throws(() => informer.store.listByIndex('size', 'xl'), /no index size/);
  stop.abort();
  await running;
});

test('a handler that throws stops neither the informer nor the other handlers', async () => {
  const { clock, informer, resource, stop, running } = setUp();
  const seen: string[] = [];
  informer.onChange(() => {
    throw new Error('broken handler');
  });
  informer.onChange(({ object }) => seen.push(object.metadata.name));
  await resource.create(aConfigMap('a'));
  await clock.advance(A_MOMENT_MS);
  await resource.create(aConfigMap('b'));
  await clock.advance(A_MOMENT_MS);
  assert.deepEqual(seen, ['a', 'b']);
  stop.abort();
  await running;
});
