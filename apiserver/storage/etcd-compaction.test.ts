/** etcd forgets what is over five minutes ago, and a failure is left to the next round. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { runCompaction } from './etcd-compaction.ts';

const MINUTE_MS = 60_000;

test('etcd-compaction compacts every five minutes to where the database was five minutes before', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const compacted: bigint[] = [];
  let revision = 10n;
  const storage = { currentRevision: async () => revision, compact: async (past: bigint) => void compacted.push(past) };
  const running = runCompaction({ storage, clock, log: silentLogger }, stop.signal);
  await clock.advance(MINUTE_MS);
  revision = 20n;
  await clock.advance(4 * MINUTE_MS);
  revision = 30n;
  await clock.advance(5 * MINUTE_MS);
  stop.abort();
  await running;
  assert.deepEqual(compacted, [10n, 20n]);
});

test('etcd-compaction goes on after a failure', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const compacted: bigint[] = [];
  let calls = 0;
  const currentRevision = async () => {
    if (++calls === 2) throw new Error('away');
    return 10n;
  };
  const storage = { currentRevision, compact: async (past: bigint) => void compacted.push(past) };
  const running = runCompaction({ storage, clock, log: silentLogger }, stop.signal);
  await clock.advance(10 * MINUTE_MS);
  stop.abort();
  await running;
  assert.deepEqual(compacted, [10n]);
});
