/**
 * Puts a set of files into a directory so that a reader sees all of the old ones or all of the new ones: they are written to a directory of
 * their own, `..data` is switched to it by one rename, and the visible names are links through `..data`. Nothing is touched when nothing
 * changed. Source: the kubelet's `AtomicWriter`, whose layout programs that watch their configuration rely on.
 */
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { VolumeFile } from './volume-files.ts';

const dataLink = '..data';
/** To `chown`: as it is. */
const KEPT = -1;

/** `groupId`: the pod's fsGroup, which must be able to read the files. Gives whether anything was written. */
export async function writeAtomically(directory: string, files: readonly VolumeFile[], groupId: number | undefined): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const present = await readlink(join(directory, dataLink)).catch(() => undefined);
  if (present !== undefined && (await holds(join(directory, present), files))) return false;
  // Not `join`, which would take the two dots for the parent directory.
  const fresh = await mkdtemp(`${directory}/..`);
  for (const file of files) await writeOne(fresh, file, groupId);
  await chmod(fresh, 0o755);
  await rm(join(directory, '..data_tmp'), { force: true });
  await symlink(fresh.slice(directory.length + 1), join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, dataLink));
  await linkNames(directory, files);
  if (present !== undefined) await rm(join(directory, present), { recursive: true, force: true });
  return true;
}

async function writeOne(directory: string, { path, content, mode, ownerId }: VolumeFile, groupId: number | undefined): Promise<void> {
  const target = join(directory, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
  if (groupId !== undefined || ownerId !== undefined) await chown(target, ownerId ?? KEPT, groupId ?? KEPT);
  // Upstream's mask for volumes that are only read.
  await chmod(target, groupId === undefined ? mode : mode | 0o440);
}

/** One link per first part of a path; links to what is no longer there go. */
async function linkNames(directory: string, files: readonly VolumeFile[]): Promise<void> {
  const wanted = new Set(files.map(({ path }) => path.split('/')[0] ?? path));
  const present = (await readdir(directory)).filter((name) => !name.startsWith('..'));
  for (const name of present) if (!wanted.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  for (const name of wanted) if (!present.includes(name)) await symlink(join(dataLink, name), join(directory, name));
}

async function holds(directory: string, files: readonly VolumeFile[]): Promise<boolean> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (names === undefined || names.filter((entry) => entry.isFile()).length !== files.length) return false;
  const same = files.map(async ({ path, content }) => {
    const found = await readFile(join(directory, path)).catch(() => undefined);
    return found?.equals(content) === true;
  });
  return (await Promise.all(same)).every(Boolean);
}
