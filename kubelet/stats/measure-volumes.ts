/** How much the emptyDirs of a pod take: the bytes of everything in them, as `du` counts. What disappears meanwhile counts as nothing. */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/generated/types.ts';
import type { Disk } from './disk-stats.ts';

/** `stat` counts blocks of this size, whatever the file system's are. */
const BLOCK_BYTES = 512;

/** By volume name. */
export async function measureVolumes(dataDirectory: string, { metadata, spec }: Pod): Promise<ReadonlyMap<string, Disk>> {
  const onDisk = (spec.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined && emptyDir.medium !== 'Memory');
  const entries = onDisk.map(
    async ({ name }) => [name, await measureVolume(join(dataDirectory, 'pods', metadata.uid, 'volumes', name))] as const,
  );
  return new Map((await Promise.all(entries)).flatMap(([name, disk]) => (disk === undefined ? [] : [[name, disk] as const])));
}

async function measureVolume(path: string): Promise<Disk | undefined> {
  const fs = await statfs(path).catch(() => undefined);
  if (fs === undefined) return undefined;
  const { bytes, count } = await measureTree(path);
  return {
    capacityBytes: fs.blocks * fs.bsize,
    availableBytes: fs.bavail * fs.bsize,
    usedBytes: bytes,
    inodes: fs.files,
    inodesFree: fs.ffree,
    inodesUsed: count,
  };
}

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
