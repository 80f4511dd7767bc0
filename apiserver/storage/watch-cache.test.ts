/** The watch cache on a memory storage under a clock moved by hand: consistent reads, watches, and being told Expired. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createMemoryStorage } from './memory-storage.ts';
import type { Storage } from './storage.ts';
import { aConfigMap } from './testing/cached-object.ts';
import { withFaults } from './testing/faulty-storage.ts';
import { type CacheWatch, createWatchCache } from './watch-cache.ts';

const FOLDER = '/registry/core/configmaps/default/';
const keyOf = (name: string) => `${FOLDER}${name}`;
const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function fieldsOf(key: string): Readonly<Record<string, string>> {
  return { 'metadata.name': key.slice(key.lastIndexOf('/') + 1) };
}

async function open(context: TestContext, change: (storage: Storage) => Storage = (storage) => storage) {
  const clock = createFakeClock();
  const storage = createMemoryStorage();
  const cache = createWatchCache({ storage: change(storage), clock, log: silentLogger, fieldsOf });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await running;
  });
  const create = (name: string) => storage.create(keyOf(name), aConfigMap(name));
  const isCurrent = () => cache.waitUntilCurrent(never);
  await isCurrent();
  return { clock, storage, cache, create, isCurrent };
}

async function read(watch: CacheWatch) {
  const { events, revision } = await watch.next(never);
  return { changes: events.map((event) => `${event.type} ${event.object.name}`), revision };
}

test('watch-cache serves what was stored before it started and after', async (context) => {
  const { cache, create, isCurrent } = await open(context);
  const item = await create('web');
  await isCurrent();
  const found = cache.find(keyOf('web'));
  assert.deepEqual(found?.bytes, item.bytes);
  assert.deepEqual(
    { ...found, bytes: undefined },
    {
      key: keyOf('web'),
      namespace: 'default',
      name: 'web',
      revision: item.revision,
      bytes: undefined,
      labels: {},
      fields: { 'metadata.name': 'web' },
    },
  );
  assert.equal(cache.revision(), item.revision);
});

test('watch-cache is filled from several pages as of one revision', async (context) => {
  const storage = createMemoryStorage();
  for (let index = 0; index < 2_345; index++) await storage.create(keyOf(`map-${index}`), aConfigMap(`map-${index}`));
  const { cache } = await open(context, () => storage);
  assert.equal(cache.list(FOLDER).length, 2_345);
  assert.equal(cache.isReady(), true);
});

test('watch-cache tells a cluster-wide object from a namespaced one', async (context) => {
  const { cache, storage, isCurrent } = await open(context);
  await storage.create('/registry/core/nodes/worker-1', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'worker-1', labels: { a: 'b' } },
  });
  await isCurrent();
  const node = cache.find('/registry/core/nodes/worker-1');
  assert.deepEqual([node?.namespace, node?.name, node?.labels], ['', 'worker-1', { a: 'b' }]);
});

test('watch-cache watches get changes in order, with the state before and after', async (context) => {
  const { cache, storage, create, isCurrent } = await open(context);
  const watch = cache.watch(FOLDER, cache.revision());
  const created = await create('web');
  const updated = await storage.update(keyOf('web'), created.revision, aConfigMap('web', { a: '1' }));
  const deleted = await storage.delete(keyOf('web'), updated.revision);
  await isCurrent();
  const { events, revision } = await watch.next(never);
  assert.deepEqual(
    events.map((event) => [event.type, event.revision, event.object.revision, event.previous?.revision]),
    [
      ['ADDED', created.revision, created.revision, undefined],
      ['MODIFIED', updated.revision, updated.revision, created.revision],
      ['DELETED', deleted, deleted, updated.revision],
    ],
  );
  assert.equal(revision, deleted);
  assert.match(String(events[2]?.object.bytes), new RegExp(`"resourceVersion":"${deleted}".*"a":"1"`));
});

test('watch-cache watches can start in the past and read on', async (context) => {
  const { cache, create, isCurrent } = await open(context);
  const first = await create('a');
  await create('b');
  await isCurrent();
  const watch = cache.watch(FOLDER, first.revision);
  assert.deepEqual((await read(watch)).changes, ['ADDED b']);
  const next = read(watch);
  await create('c');
  assert.deepEqual((await next).changes, ['ADDED c']);
});

test('watch-cache watches from a revision to come leave out what is before it', async (context) => {
  const { cache, create } = await open(context);
  const watch = cache.watch(FOLDER, cache.revision() + 1n);
  const next = read(watch);
  await create('a');
  await create('b');
  assert.deepEqual((await next).changes, ['ADDED b']);
});

test('watch-cache watches hear only of their prefix, and survive any number of other changes', async (context) => {
  const { cache, storage, create } = await open(context);
  const watch = cache.watch('/registry/core/nodes/', cache.revision());
  const next = read(watch);
  for (let index = 0; index < 21_000; index++) await create(`map-${index}`);
  await storage.create('/registry/core/nodes/n', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
  assert.deepEqual((await next).changes, ['ADDED n']);
});

test('watch-cache watches that fall behind the window are expired', async (context) => {
  const { cache, create, isCurrent } = await open(context);
  const since = cache.revision();
  const watch = cache.watch(FOLDER, since);
  for (let index = 0; index < 20_001; index++) await create(`map-${index}`);
  await isCurrent();
  await assert.rejects(watch.next(never), (error) => isReason(error, 'Expired'));
  assert.throws(() => cache.watch(FOLDER, since), { message: `too old resource version: ${since} (${since + 1n})`, reason: 'Expired' });
});

test('watch-cache gives a long backlog in bounded reads, and never tells a revision it has not delivered', async (context) => {
  const { cache, create, isCurrent } = await open(context);
  const watch = cache.watch(FOLDER, cache.revision());
  for (let index = 0; index < 1_500; index++) await create(`map-${index}`);
  await isCurrent();
  const first = await watch.next(never);
  assert.equal(first.events.length, 1_000);
  assert.equal(first.revision, first.events.at(-1)?.revision);
  const second = await watch.next(never);
  assert.equal(second.events.length, 500);
  assert.equal(second.revision, cache.revision());
});

test('watch-cache lets a read be aborted without losing anything', async (context) => {
  const { cache, create } = await open(context);
  const watch = cache.watch(FOLDER, cache.revision());
  const abort = new AbortController();
  const aborted = watch.next(abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  const next = read(watch);
  await create('web');
  assert.deepEqual((await next).changes, ['ADDED web']);
});

test('watch-cache tells an idle watch of the revision now and then, for bookmarks', async (context) => {
  const { cache, clock, create, isCurrent } = await open(context);
  const watch = cache.watch('/registry/core/nodes/', cache.revision());
  const next = read(watch);
  await create('web');
  await isCurrent();
  await clock.advance(30_000);
  assert.deepEqual(await next, { changes: [], revision: cache.revision() });
});

test('watch-cache ends a closed watch that somebody waits for', async (context) => {
  const { cache } = await open(context);
  const watch = cache.watch(FOLDER, cache.revision());
  const next = watch.next(never);
  watch.close();
  await assert.rejects(next, (error) => isReason(error, 'Gone'));
});

test('watch-cache refuses a revision it does not reach within three seconds, in upstream’s words', async (context) => {
  const { cache, clock } = await open(context);
  const waiting = assert.rejects(cache.waitFor(1_000n, never), (error) => {
    assert.ok(isReason(error, 'Timeout'));
    assert.equal(error.message, `Timeout: Too large resource version: 1000, current: ${cache.revision()}`);
    assert.equal(error.details?.retryAfterSeconds, 1);
    assert.equal(error.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
    return true;
  });
  await clock.advance(3_000);
  await waiting;
});

test('watch-cache lets a consistent read see every write acknowledged before it', async (context) => {
  const { cache, create, isCurrent } = await open(context);
  for (let index = 0; index < 50; index++) {
    await create(`map-${index}`);
    await isCurrent();
    assert.equal(cache.list(FOLDER).length, index + 1);
  }
});

test('watch-cache fills itself again and expires its watches when the database has compacted what it needs', async (context) => {
  const cut = new AbortController();
  const { cache, storage, create, isCurrent } = await open(context, (inner) =>
    withFaults(inner, {
      // Deaf until `cut`, as if the connection were; then it goes on where it was.
      watch: async function* (prefix, from, signal, onProgress) {
        if (!cut.signal.aborted) await new Promise((resolve) => cut.signal.addEventListener('abort', resolve));
        yield* inner.watch(prefix, from, signal, onProgress);
      },
    }),
  );
  const watch = cache.watch(FOLDER, cache.revision());
  const next = watch.next(never);
  await create('a');
  await create('b');
  storage.compact(await storage.currentRevision());
  cut.abort();
  await assert.rejects(next, (error) => isReason(error, 'Expired'));
  await isCurrent();
  assert.equal(cache.list(FOLDER).length, 2);
});

test('watch-cache, started again, lets watches go on from revisions that it never saw itself', async (context) => {
  const storage = createMemoryStorage();
  const first = await storage.create(keyOf('a'), aConfigMap('a'));
  const second = await storage.update(keyOf('a'), first.revision, aConfigMap('a', { x: '1' }));
  await storage.delete(keyOf('a'), second.revision);
  const { cache } = await open(context, () => storage);
  assert.deepEqual((await read(cache.watch(FOLDER, first.revision))).changes, ['MODIFIED a', 'DELETED a']);
  assert.deepEqual(cache.list(FOLDER), []);
});

test('watch-cache, started again, reaches back no further than the database does', async (context) => {
  const storage = createMemoryStorage();
  const first = await storage.create(keyOf('a'), aConfigMap('a'));
  const second = await storage.create(keyOf('b'), aConfigMap('b'));
  const third = await storage.create(keyOf('c'), aConfigMap('c'));
  storage.compact(second.revision);
  const { cache } = await open(context, () => storage);
  assert.deepEqual((await read(cache.watch(FOLDER, second.revision))).changes, ['ADDED c']);
  assert.throws(() => cache.watch(FOLDER, first.revision), { message: `too old resource version: ${first.revision} (${second.revision})` });
  assert.equal(cache.revision(), third.revision);
});

test('watch-cache shows nothing of the past while it catches up', async (context) => {
  const storage = createMemoryStorage();
  await storage.create(keyOf('a'), aConfigMap('a'));
  const held = Promise.withResolvers<void>();
  const slow = withFaults(storage, {
    watch: async function* (...call) {
      await held.promise;
      yield* storage.watch(...call);
    },
  });
  const cache = createWatchCache({ storage: slow, clock: createFakeClock(), log: silentLogger, fieldsOf });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await running;
  });
  for (let turns = 0; turns < 10; turns++) await turn();
  assert.deepEqual([cache.isReady(), cache.revision()], [false, 0n]);
  const filled = cache.waitFor(0n, never);
  held.resolve();
  await filled;
  assert.deepEqual([cache.isReady(), cache.list(FOLDER).length], [true, 1]);
});

test('watch-cache waits for a database that is away, and comes up with it', async (context) => {
  let isAway = true;
  const clock = createFakeClock();
  const storage = createMemoryStorage();
  const list: Storage['list'] = async (prefix, options) => {
    if (isAway) throw new Error('away');
    return storage.list(prefix, options);
  };
  const cache = createWatchCache({ storage: withFaults(storage, { list }), clock, log: silentLogger, fieldsOf });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await running;
  });
  await turn();
  assert.equal(cache.isReady(), false);
  isAway = false;
  await clock.advance(1_000);
  assert.equal(cache.isReady(), true);
});

test('watch-cache serves an object it cannot understand, and selects it by nothing', async (context) => {
  const { cache, storage, isCurrent } = await open(context);
  await storage.create(keyOf('odd'), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'odd', labels: 'none' } });
  await isCurrent();
  assert.deepEqual(cache.find(keyOf('odd'))?.labels, {});
});
