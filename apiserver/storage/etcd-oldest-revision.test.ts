/** Halving finds the edge of what was compacted, with few reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOldestRevision } from './etcd-oldest-revision.ts';

const cases = [
  { it: 'gives the bound itself when nothing was compacted there', notBefore: 1n, newest: 900n, compacted: 0n, oldest: 1n, reads: 1 },
  { it: 'finds the revision of the compaction', notBefore: 1n, newest: 20_000n, compacted: 12_345n, oldest: 12_345n, reads: 16 },
  {
    it: 'gives the newest when everything before it is gone',
    notBefore: 1n,
    newest: 20_000n,
    compacted: 20_000n,
    oldest: 20_000n,
    reads: 16,
  },
  { it: 'asks nothing of a database that was never written to', notBefore: 1n, newest: 1n, compacted: 0n, oldest: 1n, reads: 0 },
];
for (const { it, notBefore, newest, compacted, oldest, reads } of cases) {
  test(`etcd-oldest-revision ${it}`, async () => {
    let count = 0;
    const canRead = async (revision: bigint) => {
      count++;
      return revision >= compacted;
    };
    assert.equal(await findOldestRevision(notBefore, newest, canRead), oldest);
    assert.ok(count <= reads, `${count} reads`);
  });
}
