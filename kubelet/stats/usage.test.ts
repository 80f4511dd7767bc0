/** Reading a cgroup in both versions; ordinary files play it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readCgroupUsage, sumUsages } from './usage.ts';

async function withFiles(files: Readonly<Record<string, string>>, body: (mount: string) => Promise<void>): Promise<void> {
  const mount = mkdtempSync(join(tmpdir(), 'cgroups-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(mount, path)), { recursive: true });
      writeFileSync(join(mount, path), text);
    }
    await body(mount);
  } finally {
    rmSync(mount, { recursive: true });
  }
}

const expected = {
  atMs: 7,
  cpuNanos: 5_000_000,
  memory: { usageBytes: 1000, workingSetBytes: 900, rssBytes: 300, pageFaults: 12, majorPageFaults: 1 },
  processes: 3,
};

test('version 1 has a tree for every controller', async () => {
  const files = {
    'cpuacct/keelson/n/podu/c1/cpuacct.usage': '5000000\n',
    'memory/keelson/n/podu/c1/memory.usage_in_bytes': '1000\n',
    'memory/keelson/n/podu/c1/memory.stat':
      'inactive_file 1\ntotal_inactive_file 100\ntotal_rss 300\ntotal_pgfault 12\ntotal_pgmajfault 1\n',
    'pids/keelson/n/podu/c1/pids.current': '3\n',
  };
  await withFiles(files, async (mount) => {
    const tree = { mount, driver: 'cgroupfs' as const, version: 1 as const };
    assert.deepEqual(await readCgroupUsage(tree, ['keelson', 'n', 'podu'], 'c1', () => 7), expected);
    assert.equal(await readCgroupUsage(tree, ['keelson', 'n', 'podu'], 'c2', () => 7), undefined);
  });
});

test('version 2 has one tree, and counts microseconds', async () => {
  const files = {
    'keelson.slice/keelson-n.slice/docker-c1.scope/cpu.stat': 'usage_usec 5000\nuser_usec 4000\n',
    'keelson.slice/keelson-n.slice/docker-c1.scope/memory.current': '1000\n',
    'keelson.slice/keelson-n.slice/docker-c1.scope/memory.stat': 'anon 300\ninactive_file 100\npgfault 12\npgmajfault 1\n',
    'keelson.slice/keelson-n.slice/docker-c1.scope/pids.current': '3\n',
  };
  await withFiles(files, async (mount) => {
    const tree = { mount, driver: 'systemd' as const, version: 2 as const };
    assert.deepEqual(await readCgroupUsage(tree, ['keelson', 'n'], 'c1', () => 7), expected);
  });
});

test('a whole without a cgroup is the sum of its parts', () => {
  const { cpuNanos, memory, processes } = sumUsages([expected, expected], 9);
  assert.deepEqual([cpuNanos, memory.workingSetBytes, processes], [10_000_000, 1800, 6]);
});
