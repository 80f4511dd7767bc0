/**
 * hostPath volumes: a place on the engine's host, checked against the type that the pod asks for, and made where the type says so. A path in the kubelet's own
 * directory is the one of this node, although several nodes share the host: storage drivers find the kubelet's sockets and mounts there. Upstream: pkg/volume/hostpath.
 */
import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import type { HostPathVolumeSource } from '#api/generated/types.ts';
import { type EngineHost, resolveExisting } from './engine-host.ts';

interface TypeCheck {
  readonly what: string;
  is(found: Stats): boolean;
}

const checks: Readonly<Record<string, TypeCheck>> = {
  Directory: { what: 'directory', is: (found) => found.isDirectory() },
  DirectoryOrCreate: { what: 'directory', is: (found) => found.isDirectory() },
  File: { what: 'file', is: (found) => found.isFile() },
  FileOrCreate: { what: 'file', is: (found) => found.isFile() },
  Socket: { what: 'socket file', is: (found) => found.isSocket() },
  CharDevice: { what: 'character device', is: (found) => found.isCharacterDevice() },
  BlockDevice: { what: 'block device', is: (found) => found.isBlockDevice() },
};

/** Throws in upstream's words when what is there is not what was asked for. Gives the path on the engine's host. */
export async function checkHostPath({ path, type = '' }: HostPathVolumeSource, host: EngineHost): Promise<string> {
  const check = checks[type];
  const resolved = await host.resolve(path);
  // Without a type nothing is checked; the container runtime makes what is missing, so its absence must not hold up the pod.
  if (resolved === undefined && type === '') await makeDirectory(path, host);
  if (check === undefined) return path;
  const found = resolved === undefined ? undefined : await stat(host.local(resolved));
  if (found !== undefined && check.is(found)) return path;
  if (found === undefined && type === 'DirectoryOrCreate') await makeDirectory(path, host);
  else if (found === undefined && type === 'FileOrCreate') await makeFile(path, host);
  else throw new Error(`hostPath type check failed: ${path} is not a ${check.what}`);
  return path;
}

async function makeDirectory(path: string, host: EngineHost): Promise<void> {
  const { base, missing } = await resolveExisting(host, path);
  await mkdir(host.local(posix.join(base, missing)), { recursive: true, mode: 0o755 });
}

/** Upstream makes the file, but not the directories that it would lie in. */
async function makeFile(path: string, host: EngineHost): Promise<void> {
  const directory = await host.resolve(dirname(path));
  if (directory === undefined) throw new Error(`open ${path}: no such file or directory`);
  await writeFile(host.local(posix.join(directory, posix.basename(path))), '', { mode: 0o644, flag: 'a' });
}
