/** The memory storage keeps the storage contract, and bounds its own history. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStorage } from './memory-storage.ts';
import { describeStorageContract } from './storage-contract.ts';
import { aConfigMap } from './testing/cached-object.ts';

describeStorageContract('memory-storage', async () => {
  const storage = createMemoryStorage();
  return { storage, compact: async (revision) => storage.compact(revision) };
});

test('memory-storage forgets its oldest history by itself, and no object with it', async () => {
  const storage = createMemoryStorage();
  let { revision } = await storage.create('/registry/a/b/c', aConfigMap('c'));
  await storage.create('/registry/a/b/old', aConfigMap('old'));
  for (let index = 0; index < 50_001; index++) {
    ({ revision } = await storage.update('/registry/a/b/c', revision, aConfigMap('c', { index: String(index) })));
  }
  await assert.rejects(storage.list('/registry/', { limit: 1, revision: 3n }), /compacted/);
  assert.equal((await storage.list('/registry/', { limit: 10 })).items.length, 2);
});
