/**
 * Mounts part of a volume for one container. What is in a volume was put there by the pod and may change at any moment: a link that leads out of it must lead
 * nowhere. So the path is walked name by name on open directories, no link is followed on the way, and what was reached is bound by its descriptor to a place
 * that the pod cannot touch; the container mounts that place. Upstream: pkg/volume/util/subpath.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import type { EngineHost } from './engine-host.ts';

/** Linux: a descriptor that only names a file. Not among Node's constants. */
const O_PATH = 0o10000000;
const NAMED = O_PATH | constants.O_NOFOLLOW;

export interface SubPathMount {
  /** The volume, on the engine's host. */
  readonly volume: string;
  /** Relative, without `..`. */
  readonly path: string;
  /** Where to bind it, on the engine's host; made if missing. */
  readonly target: string;
}

/** `ownProcess`: our process id as the host counts. Throws when the path leads out of the volume, or through what is no directory. */
export async function mountSubPath({ volume, path, target }: SubPathMount, host: EngineHost, ownProcess: number): Promise<void> {
  const root = await host.resolve(volume);
  if (root === undefined) throw new Error(`lstat ${volume}: no such file or directory`);
  const wanted = posix.join(root, path);
  if ((await host.resolve(wanted)) === undefined) await makeBelow(root, path, host);
  const real = await host.resolve(wanted);
  if (real === undefined || !isWithin(root, real))
    throw new Error(`subpath ${JSON.stringify(real ?? wanted)} not within volume path ${JSON.stringify(root)}`);
  const reached = await openBelow(root, posix.relative(root, real), host);
  try {
    await prepareTarget(target, (await reached.stat()).isDirectory(), host);
    await host.bind(`/proc/${ownProcess}/fd/${reached.fd}`, target);
  } finally {
    await reached.close();
  }
}

/** Lets go of what is bound there, if anything is. */
export async function unmountAll(hostPath: string, host: EngineHost): Promise<void> {
  for (const { path } of (await host.mountsBelow(hostPath)).toReversed()) await host.unmount(path);
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`);
}

/** A name at a time from an open directory: nothing that happens to the tree meanwhile can lead elsewhere. */
async function openBelow(root: string, path: string, host: EngineHost): Promise<FileHandle> {
  let current = await open(host.local(root), NAMED | constants.O_DIRECTORY);
  for (const name of path.split('/').filter(Boolean)) {
    const parent = current;
    try {
      current = await open(`/proc/self/fd/${parent.fd}/${name}`, NAMED);
      if ((await current.stat()).isSymbolicLink()) {
        await current.close();
        throw new Error(`unexpected symlink found ${posix.join(root, path)}`);
      }
    } finally {
      await parent.close();
    }
  }
  return current;
}

/** With the mode of the volume, so that who may write to the volume may write there. */
async function makeBelow(root: string, path: string, host: EngineHost): Promise<void> {
  const { mode } = await stat(host.local(root));
  let current = root;
  for (const name of path.split('/').filter(Boolean)) {
    const found = await host.resolve(posix.join(current, name));
    if (found !== undefined && !isWithin(root, found)) {
      throw new Error(`path ${found} is outside of allowed base ${root}`);
    }
    if (found === undefined) current = await makeOne(current, name, mode & 0o7777, host);
    else current = found;
  }
}

async function makeOne(parent: string, name: string, mode: number, host: EngineHost): Promise<string> {
  const held = await open(host.local(parent), NAMED | constants.O_DIRECTORY);
  try {
    const path = `/proc/self/fd/${held.fd}/${name}`;
    await mkdir(path);
    const made = await open(path, constants.O_NOFOLLOW | constants.O_DIRECTORY);
    // Not by `mkdir`, whose mode the process's mask cuts.
    await made.chmod(mode);
    await made.close();
  } finally {
    await held.close();
  }
  return posix.join(parent, name);
}

async function prepareTarget(target: string, isDirectory: boolean, host: EngineHost): Promise<void> {
  await unmountAll(target, host);
  const local = host.local(target);
  const found = await stat(local).catch(() => undefined);
  if (found !== undefined && found.isDirectory() !== isDirectory) await rm(local, { recursive: true });
  await mkdir(isDirectory ? local : dirname(local), { recursive: true, mode: 0o750 });
  if (!isDirectory) await writeFile(local, '', { flag: 'a', mode: 0o640 });
}
