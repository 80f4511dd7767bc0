/** How much a volume takes: the bytes of everything in it, as `du` counts, and what its file system has and has left. For statistics, limits and eviction. */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '../stats/disk-stats.ts';

/** `stat` counts blocks of this size, whatever the file system's are. */
const BLOCK_BYTES = 512;

/** `path`: as this process reaches it. */
export async function measureVolume(path: string): Promise<Disk> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  const { bytes, count } = await measureTree(path);
  return {
    usedBytes: bytes,
    inodesUsed: count,
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

/** What disappears meanwhile counts as nothing. */
async function measureTree(path: string): Promise<{ readonly bytes: number; readonly count: number }> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return { bytes: 0, count: 0 };
  let [bytes, count] = [found.blocks * BLOCK_BYTES, 1];
  const names = found.isDirectory() ? await readdir(path).catch(() => []) : [];
  for (const name of names) {
    const inner = await measureTree(join(path, name));
    bytes += inner.bytes;
    count += inner.count;
  }
  return { bytes, count };
}
