/**
 * What every storage must do, as one suite: run on the memory storage always, and on etcd in the integration tests, so that a test on the first
 * says something about the second. Each test works below a prefix of its own, because the etcd is shared.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { type Storage, StorageError, type StorageEvent } from './storage.ts';
import { aConfigMap } from './testing/cached-object.ts';

export interface StorageUnderTest {
  readonly storage: Storage;
  compact(revision: bigint): Promise<void>;
}

interface Bench extends StorageUnderTest {
  key(name: string): string;
  readonly prefix: string;
}

const isStorageError = (reason: StorageError['reason']) => (error: unknown) => error instanceof StorageError && error.reason === reason;

/** Reads a watch until `count` changes have come; the batches are kept apart. */
export async function readChanges(
  storage: Storage,
  prefix: string,
  fromRevision: bigint,
  count: number,
): Promise<readonly (readonly StorageEvent[])[]> {
  const batches: (readonly StorageEvent[])[] = [];
  const stop = new AbortController();
  for await (const batch of storage.watch(prefix, fromRevision, stop.signal, () => undefined)) {
    batches.push(batch);
    if (batches.flat().length >= count) break;
  }
  stop.abort();
  return batches;
}

function versionOf(bytes: Buffer | undefined): unknown {
  const object: { metadata?: { resourceVersion?: string } } = JSON.parse(String(bytes));
  return object.metadata?.resourceVersion;
}

export function describeStorageContract(name: string, open: () => Promise<StorageUnderTest>): void {
  let benches = 0;
  function contract(sentence: string, check: (bench: Bench, context: TestContext) => Promise<void>): void {
    test(`${name} ${sentence}`, async (context) => {
      const prefix = `/registry/core/configmaps/bench-${benches++}/`;
      await check({ ...(await open()), prefix, key: (key) => `${prefix}${key}` }, context);
    });
  }

  contract('gives back what was created, with its revision in the bytes', async ({ storage, key }) => {
    const created = await storage.create(key('a'), aConfigMap('a', { x: '1' }));
    assert.equal(versionOf(created.bytes), String(created.revision));
    assert.deepEqual(await storage.get(key('a')), created);
    assert.equal(await storage.get(key('b')), undefined);
  });

  contract('does not store the resourceVersion it is given', async ({ storage, key }) => {
    const draft = { ...aConfigMap('a'), metadata: { name: 'a', resourceVersion: '999999' } };
    const created = await storage.create(key('a'), draft);
    assert.equal(versionOf(created.bytes), String(created.revision));
  });

  contract('refuses to create what exists, and creates again what was deleted', async ({ storage, key }) => {
    const { revision } = await storage.create(key('a'), aConfigMap('a'));
    await assert.rejects(storage.create(key('a'), aConfigMap('a')), isStorageError('exists'));
    await storage.delete(key('a'), revision);
    const again = await storage.create(key('a'), aConfigMap('a'));
    assert.ok(again.revision > revision);
  });

  contract('updates at the expected revision only, and otherwise tells what is there', async ({ storage, key }) => {
    const created = await storage.create(key('a'), aConfigMap('a'));
    const updated = await storage.update(key('a'), created.revision, aConfigMap('a', { x: '1' }));
    assert.ok(updated.revision > created.revision);
    await assert.rejects(storage.update(key('a'), created.revision, aConfigMap('a')), (error) => {
      assert.ok(error instanceof StorageError);
      assert.equal(error.reason, 'changed');
      assert.deepEqual(error.current, updated);
      return true;
    });
    await assert.rejects(storage.update(key('b'), created.revision, aConfigMap('b')), isStorageError('absent'));
  });

  contract('deletes at the expected revision only, and gives the deletion’s own', async ({ storage, key }) => {
    const created = await storage.create(key('a'), aConfigMap('a'));
    await assert.rejects(storage.delete(key('a'), created.revision + 1n), isStorageError('changed'));
    const revision = await storage.delete(key('a'), created.revision);
    assert.ok(revision > created.revision);
    assert.equal(await storage.get(key('a')), undefined);
    await assert.rejects(storage.delete(key('a'), created.revision), isStorageError('absent'));
  });

  contract('lets exactly one of many writers win', async ({ storage, key }) => {
    const { revision } = await storage.create(key('a'), aConfigMap('a'));
    const writes = Array.from({ length: 20 }, (_, index) => storage.update(key('a'), revision, aConfigMap('a', { x: String(index) })));
    const results = await Promise.allSettled(writes);
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    const losers = results.filter((result) => result.status === 'rejected');
    assert.ok(losers.every((loser) => isStorageError('changed')(loser.reason)));
  });

  contract('lists a prefix in key order, in pages of one revision', async ({ storage, key, prefix }) => {
    for (const letter of ['c', 'a', 'e', 'b', 'd']) await storage.create(key(letter), aConfigMap(letter));
    const first = await storage.list(prefix, { limit: 2 });
    assert.deepEqual([first.items.map((item) => item.key), first.hasMore], [[key('a'), key('b')], true]);
    const { revision: revisionOfC } = (await storage.get(key('c'))) ?? assert.fail();
    await storage.delete(key('c'), revisionOfC);
    await storage.create(key('bb'), aConfigMap('bb'));
    const second = await storage.list(prefix, { limit: 3, after: key('b'), revision: first.revision });
    assert.deepEqual(
      [second.items.map((item) => item.key), second.hasMore, second.revision],
      [[key('c'), key('d'), key('e')], false, first.revision],
    );
    assert.equal(versionOf(second.items[0]?.bytes), String(revisionOfC));
    const now = await storage.list(prefix, { limit: 100 });
    assert.deepEqual(
      now.items.map((item) => item.key),
      ['a', 'b', 'bb', 'd', 'e'].map(key),
    );
    assert.ok(now.revision > first.revision);
  });

  contract('lists nothing for a prefix with nothing below it, at the current revision', async ({ storage, prefix }) => {
    const page = await storage.list(prefix, { limit: 10 });
    assert.deepEqual([page.items, page.hasMore], [[], false]);
    assert.ok(page.revision > 0n);
  });

  contract('refuses to list a revision that is still to come', async ({ storage, prefix }) => {
    const current = await storage.currentRevision();
    await assert.rejects(storage.list(prefix, { limit: 1, revision: current + 1_000n }), (error) => isReason(error, 'Timeout'));
  });

  contract('knows the revision of the last acknowledged write', async ({ storage, key }) => {
    const { revision } = await storage.create(key('a'), aConfigMap('a'));
    assert.ok((await storage.currentRevision()) >= revision);
  });

  contract('watches from a past revision on, each change once, deletions with the last state', async ({ storage, key, prefix }) => {
    const before = await storage.currentRevision();
    const created = await storage.create(key('a'), aConfigMap('a'));
    const updated = await storage.update(key('a'), created.revision, aConfigMap('a', { x: '1' }));
    const deleted = await storage.delete(key('a'), updated.revision);
    const changes = (await readChanges(storage, prefix, before + 1n, 3)).flat();
    assert.deepEqual(
      changes.map(({ type, item }) => [type, item.key, item.revision]),
      [
        ['put', key('a'), created.revision],
        ['put', key('a'), updated.revision],
        ['delete', key('a'), deleted],
      ],
    );
    assert.deepEqual(changes[1]?.item.bytes, updated.bytes);
    const last: unknown = JSON.parse(String(changes[2]?.item.bytes));
    assert.deepEqual(last, { ...aConfigMap('a', { x: '1' }), metadata: { ...aConfigMap('a').metadata, resourceVersion: String(deleted) } });
  });

  contract('watches include the revision they start from', async ({ storage, key, prefix }) => {
    const { revision } = await storage.create(key('a'), aConfigMap('a'));
    await storage.create(key('b'), aConfigMap('b'));
    const changes = (await readChanges(storage, prefix, revision, 2)).flat();
    assert.deepEqual(
      changes.map(({ item }) => item.key),
      [key('a'), key('b')],
    );
  });

  contract('watches deliver what is written while they run, and nothing of other prefixes', async ({ storage, key, prefix }) => {
    const reading = readChanges(storage, prefix, (await storage.currentRevision()) + 1n, 2);
    await storage.create(key('a'), aConfigMap('a'));
    await storage.create(`/registry/other/things/${key('x').replaceAll('/', '-')}`, aConfigMap('x'));
    await storage.create(key('b'), aConfigMap('b'));
    assert.deepEqual(
      (await reading).flat().map(({ item }) => item.key),
      [key('a'), key('b')],
    );
  });

  contract('watches hear of progress when the changes are elsewhere', async ({ storage, key, prefix }) => {
    const stop = new AbortController();
    const { revision } = await storage.create(key('a'), aConfigMap('a'));
    const reached = new Promise<bigint>((resolve) => {
      const watch = storage.watch(`${prefix}nothing/`, revision, stop.signal, (seen) => seen > revision && resolve(seen));
      const drain = async () => {
        for await (const batch of watch) assert.fail(`nothing was changed there: ${batch.length}`);
      };
      drain();
    });
    const later = await storage.create(key('b'), aConfigMap('b'));
    await storage.currentRevision();
    assert.ok((await reached) >= later.revision);
    stop.abort();
  });

  contract('ends a watch when its signal is aborted', async ({ storage, prefix }) => {
    const stop = new AbortController();
    const from = (await storage.currentRevision()) + 1n;
    const reading = (async () => {
      for await (const batch of storage.watch(prefix, from, stop.signal, () => undefined)) assert.fail(String(batch.length));
    })();
    setImmediate(() => stop.abort());
    await reading;
  });

  contract('says so when the past was compacted', async ({ storage, key, prefix, compact }) => {
    const first = await storage.create(key('a'), aConfigMap('a'));
    const second = await storage.update(key('a'), first.revision, aConfigMap('a', { x: '1' }));
    const gone = await storage.create(key('b'), aConfigMap('b'));
    await storage.delete(key('b'), gone.revision);
    const last = await storage.create(key('c'), aConfigMap('c'));
    await compact(last.revision);
    await assert.rejects(storage.list(prefix, { limit: 1, revision: first.revision }), isStorageError('compacted'));
    await assert.rejects(readChanges(storage, prefix, first.revision, 1), isStorageError('compacted'));
    assert.equal(await storage.oldestRevision(1n), last.revision);
    const page = await storage.list(prefix, { limit: 10, revision: last.revision });
    assert.deepEqual(
      page.items.map((item) => item.revision),
      [second.revision, last.revision],
    );
    const next = await storage.create(key('d'), aConfigMap('d'));
    const [batch] = await readChanges(storage, prefix, last.revision + 1n, 1);
    assert.equal(batch?.[0]?.item.revision, next.revision);
  });
}
