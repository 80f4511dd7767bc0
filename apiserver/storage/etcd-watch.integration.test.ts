/**
 * The watch loses nothing. A real etcd, a proxy that cuts the connection at every step of the protocol, writes that go on meanwhile; and what
 * the watch gave is held against what was written. The properties are those of etcd's own robustness tests: Ordered, Unique, Atomic, Reliable,
 * Resumable, Bookmarkable and PrevKV.
 */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { type Clock, systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createEtcdStorage, type EtcdStorage } from './etcd-storage.ts';
import { encodeObject, withRevision } from './object-bytes.ts';
import { StorageError, type StorageEvent } from './storage.ts';
import { readChanges } from './storage-contract.ts';
import { aConfigMap } from './testing/cached-object.ts';
import { type Fate, startCuttingProxy } from './testing/cutting-proxy.ts';
import { type EtcdContainer, startEtcd } from './testing/etcd-container.ts';

/** The bytes of a connection's beginning (settings, headers, the watch's confirmation) are cut at every few bytes. */
const OPENING_BYTES = 400;
const OPENING_STEP_BYTES = 7;
/** More than etcd sends in one message (a thousand revisions), so that a backlog can be cut between its messages too. */
const BACKLOG_WRITES = 2_500;
const LIVE_WRITES = 600;
/** A watch that has lost something waits for it for ever. */
const limits = { timeout: 90_000 };

/** Real time, except that nobody waits long to connect again. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(Math.min(durationMs, 3), signal),
  after: (durationMs, callback) => systemClock.after(Math.min(durationMs, 1_500), callback),
};

let etcd: EtcdContainer;
let folders = 0;

before(async () => {
  etcd = await startEtcd();
});

after(() => etcd.stop());

function open(context: TestContext, endpoint: string): EtcdStorage {
  const storage = createEtcdStorage({ endpoints: [endpoint], log: silentLogger, clock: hastyClock, random: seededRandom(1) });
  context.after(() => storage.close());
  return storage;
}

async function bench(context: TestContext) {
  const proxy = await startCuttingProxy(etcd);
  context.after(() => proxy.close());
  const prefix = `/registry/core/configmaps/watch-${folders++}/`;
  return { proxy, prefix, writer: createWriter(open(context, etcd.endpoint), prefix), watched: open(context, proxy.endpoint) };
}

/** Creates, updates and deletes a few objects in turn, and keeps a record of what a watch must see. */
function createWriter(storage: EtcdStorage, prefix: string) {
  const random = seededRandom(7);
  const record: StorageEvent[] = [];
  const live = new Map<string, bigint>();
  const last = new Map<string, object>();

  async function write(index: number): Promise<void> {
    const key = `${prefix}map-${index % 9}`;
    const revision = live.get(key);
    const object = aConfigMap(`map-${index % 9}`, { index: String(index) });
    if (revision !== undefined && random.next() < 0.3) {
      const deleted = await storage.delete(key, revision);
      const bytes = withRevision(encodeObject(last.get(key) ?? assert.fail()), deleted);
      record.push({ type: 'delete', item: { key, revision: deleted, bytes } });
      live.delete(key);
      return;
    }
    const item = revision === undefined ? await storage.create(key, object) : await storage.update(key, revision, object);
    record.push({ type: 'put', item });
    live.set(key, item.revision);
    last.set(key, object);
  }

  return {
    record,
    storage,
    writeMany: async (count: number) => {
      for (let index = 0; index < count; index++) await write(index);
    },
  };
}

function* upTo(end: number, step: number): Iterable<number> {
  for (let value = 0; value < end; value += step) yield value;
}

/** One line per change, so that a difference is readable. */
function linesOf(changes: readonly StorageEvent[]): readonly string[] {
  return changes.map(({ type, item }) => `${item.revision} ${type} ${item.key} ${item.bytes}`);
}

/** Ordered, Unique, Reliable and PrevKV at once: the very sequence that was written, bytes included. */
function assertSeen(seen: readonly (readonly StorageEvent[])[], written: readonly StorageEvent[]): void {
  assert.deepEqual(linesOf(seen.flat()), linesOf(written));
}

test('etcd-watch delivers a backlog whole when the connection is cut at every step of its opening', limits, async (context) => {
  const { proxy, prefix, writer, watched } = await bench(context);
  const from = (await writer.storage.currentRevision()) + 1n;
  await writer.writeMany(120);
  const cuts = [...upTo(OPENING_BYTES, OPENING_STEP_BYTES)].map((afterBytes): Fate => ({ kind: 'cut', afterBytes }));
  proxy.setFates([{ kind: 'refused' }, { kind: 'silent' }, ...cuts]);
  assertSeen(await readChanges(watched, prefix, from, 120), writer.record);
  assert.ok(proxy.connections() > cuts.length, `${proxy.connections()} connections`);
});

test('etcd-watch delivers a long backlog whole when it is cut within and between its messages', limits, async (context) => {
  const { proxy, prefix, writer, watched } = await bench(context);
  const from = (await writer.storage.currentRevision()) + 1n;
  await writer.writeMany(BACKLOG_WRITES);
  proxy.setFates([...upTo(900_000, 45_000)].map((afterBytes): Fate => ({ kind: 'cut', afterBytes })));
  assertSeen(await readChanges(watched, prefix, from, BACKLOG_WRITES), writer.record);
  assert.ok(proxy.connections() > 5, `${proxy.connections()} connections`);
});

test('etcd-watch delivers every write when connections are cut while writes go on', limits, async (context) => {
  const { proxy, prefix, writer, watched } = await bench(context);
  const random = seededRandom(11);
  const fates = Array.from({ length: 150 }, (): Fate => ({ kind: 'cut', afterBytes: Math.floor(random.next() * 8_000) }));
  proxy.setFates(fates);
  const reading = readChanges(watched, prefix, (await writer.storage.currentRevision()) + 1n, LIVE_WRITES);
  await writer.writeMany(LIVE_WRITES);
  assertSeen(await reading, writer.record);
  assert.ok(proxy.connections() > 20, `${proxy.connections()} connections`);
});

test('etcd-watch delivers each write when the connection is cut after every single one', limits, async (context) => {
  const { proxy, prefix, writer, watched } = await bench(context);
  const seen: (readonly StorageEvent[])[] = [];
  const stop = new AbortController();
  const from = (await writer.storage.currentRevision()) + 1n;
  await writer.writeMany(40);
  for await (const batch of watched.watch(prefix, from, stop.signal, () => undefined)) {
    seen.push(batch);
    proxy.cutAll();
    if (seen.length === 80) break;
    if (seen.length % 10 === 0 && writer.record.length < 80) await writer.writeMany(10);
  }
  assertSeen(seen, writer.record);
});

test('etcd-watch can be resumed behind any revision it delivered', limits, async (context) => {
  const { prefix, writer, watched } = await bench(context);
  await writer.writeMany(30);
  for (const [index, { item }] of writer.record.slice(0, -1).entries()) {
    const rest = writer.record.slice(index + 1);
    assertSeen(await readChanges(watched, prefix, item.revision + 1n, rest.length), rest);
  }
});

test('etcd-watch gives all changes of one revision together', limits, async (context) => {
  const { proxy, prefix, watched, writer } = await bench(context);
  const client = new Etcd3({ hosts: etcd.endpoint });
  context.after(() => client.close());
  const from = (await writer.storage.currentRevision()) + 1n;
  const names = Array.from({ length: 20 }, (_, index) => `map-${index}`);
  for (let round = 0; round < 5; round++) {
    const puts = names.map((name) => client.put(`${prefix}${name}`).value(encodeObject(aConfigMap(name, { round: String(round) }))));
    await client
      .if(`${prefix}never`, 'Version', '==', 0)
      .then(...puts)
      .commit();
  }
  proxy.setFates([...upTo(3_000, 150)].map((afterBytes): Fate => ({ kind: 'cut', afterBytes })));
  const seen = await readChanges(watched, prefix, from, 100);
  assert.deepEqual(
    seen.map((batch) => batch.length),
    [20, 20, 20, 20, 20],
  );
  for (const batch of seen) assert.equal(new Set(batch.map((change) => change.item.revision)).size, 1);
});

test(
  'etcd-watch tells of progress only once everything up to there is delivered, and reaches revisions made elsewhere',
  limits,
  async (context) => {
    const { proxy, prefix, writer, watched } = await bench(context);
    const random = seededRandom(5);
    const stop = new AbortController();
    const seen: (readonly StorageEvent[])[] = [];
    let progress = 0n;
    let reached = (_revision: bigint) => {};
    const drain = async (from: bigint) => {
      const hear = (revision: bigint) => {
        progress = revision;
        reached(revision);
      };
      for await (const batch of watched.watch(prefix, from, stop.signal, hear)) {
        const revision = batch[0]?.item.revision ?? 0n;
        assert.ok(revision > progress, `a change at ${revision} came after progress ${progress}`);
        seen.push(batch);
      }
    };
    const draining = drain((await writer.storage.currentRevision()) + 1n);
    for (let round = 0; round < 12; round++) {
      proxy.setFates(Array.from({ length: 3 }, (): Fate => ({ kind: 'cut', afterBytes: Math.floor(random.next() * 600) })));
      proxy.cutAll();
      await writer.writeMany(5);
      const elsewhere = await writer.storage.create(`/elsewhere/${prefix.split('/').at(-2)}-${round}`, aConfigMap('x'));
      const arrived = new Promise<void>((resolve) => {
        reached = (revision) => revision >= elsewhere.revision && resolve();
      });
      await watched.currentRevision();
      await arrived;
      assert.equal(seen.flat().length, writer.record.length);
    }
    stop.abort();
    await draining;
    assertSeen(seen, writer.record);
  },
);

test('etcd-watch says compacted when it was cut off for longer than etcd remembers', limits, async (context) => {
  const { proxy, prefix, writer, watched } = await bench(context);
  const from = (await writer.storage.currentRevision()) + 1n;
  const reading = (async () => {
    for await (const batch of watched.watch(prefix, from, context.signal, () => undefined)) {
      assert.ok(batch.length > 0);
      if (batch[0]?.item.revision !== writer.record[0]?.item.revision) continue;
      proxy.setFates(Array.from({ length: 10_000 }, (): Fate => ({ kind: 'refused' })));
      proxy.cutAll();
      await writer.writeMany(5);
      await writer.storage.compact(await writer.storage.currentRevision());
      proxy.setFates([]);
    }
  })();
  await writer.writeMany(1);
  await assert.rejects(reading, (error) => error instanceof StorageError && error.reason === 'compacted');
});
