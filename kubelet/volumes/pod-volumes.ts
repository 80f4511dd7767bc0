/**
 * A pod's volumes and files on this node. They lie in the kubelet's data directory, which is a volume of the engine: the kubelet writes
 * through its own mount, the pod's containers bind the same place by its path on the engine's host. Preparing again is cheap and repairs
 * what is missing, so it serves for the first time, for changed ConfigMaps and Secrets, and after a restart. A kind of volume that this
 * kubelet does not know makes `prepare` throw, naming it: the pod waits rather than run without its data.
 */

import { mkdirSync, realpathSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Pod, Volume } from '#api/generated/types.ts';
import type { VolumeSource } from '../container-spec.ts';
import { ConfigError } from '../environment.ts';
import { amountOf } from '../resource-amounts.ts';
import type { ContainerRuntime, Mount } from '../runtime/container-runtime.ts';
import { writeAtomically } from './atomic-writer.ts';
import { renderVolumeFiles, type VolumeFilesContext } from './volume-files.ts';

/** Upstream keeps no more of a termination message. */
const MESSAGE_BYTES_MAX = 4096;

export interface DataDirectory {
  /** As this process sees it. */
  readonly local: string;
  /** As the engine's host sees it. */
  readonly onHost: string;
}

export interface PodVolumes {
  /** By volume name. */
  prepare(context: VolumeFilesContext): Promise<ReadonlyMap<string, VolumeSource>>;
  /** What the sandbox mounts so that memory volumes outlive single containers. */
  memoryMounts(pod: Pod): readonly Mount[];
  /** Writes `/etc/hosts` or `/etc/resolv.conf` of the pod, in place: running containers see the change. */
  writeEtcFile(podUid: string, name: 'hosts' | 'resolv.conf', text: string): Promise<void>;
  etcMounts(podUid: string): readonly Mount[];
  /** An empty file for one attempt of a container to write its termination message to; its path on the engine's host. */
  createMessageFile(podUid: string, containerName: string, attempt: number): Promise<string>;
  /** What was written to it; empty when there is none. */
  readMessage(podUid: string, containerName: string, attempt: number): Promise<string>;
  remove(podUid: string): Promise<void>;
  /** The pods that have anything here, known or not. */
  listPodUids(): Promise<readonly string[]>;
}

/** A volume cannot be mounted (yet); the message is what upstream's event says. */
export class VolumeError extends Error {
  constructor(volumeName: string, cause: unknown) {
    super(`MountVolume.SetUp failed for volume "${volumeName}" : ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'VolumeError';
  }
}

export function createPodVolumes(directory: DataDirectory, runtime: ContainerRuntime): PodVolumes {
  const local = (...parts: readonly string[]) => join(directory.local, 'pods', ...parts);
  const onHost = (...parts: readonly string[]) => join(directory.onHost, 'pods', ...parts);

  async function prepareVolume(volume: Volume, context: VolumeFilesContext): Promise<VolumeSource> {
    const { metadata, spec } = context.pod;
    const fsGroup = spec.securityContext?.fsGroup;
    const path = local(metadata.uid, 'volumes', volume.name);
    const source = {
      path: onHost(metadata.uid, 'volumes', volume.name),
      subPath: subPathOf(path, onHost(metadata.uid, 'volumes', volume.name)),
    };
    if (volume.emptyDir?.medium === 'Memory') return prepareMemory(context.pod, volume);
    if (volume.emptyDir !== undefined) {
      await makeShared(path, fsGroup);
      return source;
    }
    if (volume.hostPath !== undefined) return hostPathSource(volume);
    const files = renderVolumeFiles(volume, context);
    if (files === undefined) throw new ConfigError(`volume "${volume.name}": ${kindOf(volume)} volumes are not supported by this kubelet`);
    await writeAtomically(path, files, fsGroup);
    return source;
  }

  async function prepareNamed(volume: Volume, context: VolumeFilesContext): Promise<VolumeSource> {
    try {
      return await prepareVolume(volume, context);
    } catch (error) {
      throw new VolumeError(volume.name, error);
    }
  }

  async function prepareMemory(pod: Pod, volume: Volume): Promise<VolumeSource> {
    const name = memoryVolumeName(pod, volume);
    const limit = volume.emptyDir?.sizeLimit;
    await runtime.createMemoryVolume(name, pod.metadata.uid, limit === undefined ? undefined : Math.ceil(amountOf({ limit }, 'limit')));
    return { path: name };
  }

  return {
    prepare: async (context) => {
      const { spec } = context.pod;
      await mkdir(local(context.pod.metadata.uid, 'etc'), { recursive: true });
      const entries = (spec.volumes ?? []).map(async (volume) => [volume.name, await prepareNamed(volume, context)] as const);
      return new Map(await Promise.all(entries));
    },

    memoryMounts: (pod) =>
      (pod.spec.volumes ?? [])
        .filter(({ emptyDir }) => emptyDir?.medium === 'Memory')
        .map((volume) => ({ source: memoryVolumeName(pod, volume), target: `/mnt/${volume.name}`, isReadOnly: false })),

    writeEtcFile: async (podUid, name, text) => {
      await mkdir(local(podUid, 'etc'), { recursive: true });
      await writeFile(local(podUid, 'etc', name), text);
    },

    etcMounts: (podUid) => [
      { source: onHost(podUid, 'etc', 'hosts'), target: '/etc/hosts', isReadOnly: false, mustExist: true },
      { source: onHost(podUid, 'etc', 'resolv.conf'), target: '/etc/resolv.conf', isReadOnly: false, mustExist: true },
    ],

    createMessageFile: async (podUid, containerName, attempt) => {
      const name = messageName(containerName, attempt);
      await mkdir(local(podUid, 'messages'), { recursive: true });
      await writeFile(local(podUid, name), '', { flag: 'a' });
      // Whatever user the container runs as may write it.
      await chmod(local(podUid, name), 0o666);
      return onHost(podUid, name);
    },

    readMessage: async (podUid, containerName, attempt) => {
      const bytes = await readFile(local(podUid, messageName(containerName, attempt))).catch(() => Buffer.alloc(0));
      return bytes.subarray(0, MESSAGE_BYTES_MAX).toString('utf8');
    },

    remove: async (podUid) => {
      await Promise.all([runtime.removeMemoryVolumes(podUid), rm(local(podUid), { recursive: true, force: true })]);
    },

    listPodUids: () => readdir(local()).catch(() => []),
  };
}

function messageName(containerName: string, attempt: number): string {
  return join('messages', `${containerName}-${attempt}`);
}

function memoryVolumeName({ metadata }: Pod, { name }: Volume): string {
  return `keelson_${metadata.uid}_${name}`;
}

/** Anyone in the pod may write to an emptyDir; with an fsGroup, what is made in it belongs to that group. */
async function makeShared(path: string, fsGroup: number | undefined): Promise<void> {
  await mkdir(path, { recursive: true });
  if (fsGroup !== undefined) await chown(path, 0, fsGroup);
  await chmod(path, fsGroup === undefined ? 0o777 : 0o2777);
}

/**
 * The engine checks what it can when the container is made: with a type that must exist, a missing path is refused, else it is made. Whether
 * it is a file or a directory, this process cannot see from where it runs.
 */
function hostPathSource(volume: Volume): VolumeSource {
  const { path = '', type = '' } = volume.hostPath ?? {};
  if (type === 'FileOrCreate')
    throw new ConfigError(`volume "${volume.name}": hostPath type FileOrCreate is not supported by this kubelet`);
  if (type === '' || type === 'DirectoryOrCreate') return { path, subPath: (below) => safeJoin(path, below) };
  return { path, mustExist: true, subPath: (below) => safeJoin(path, below) };
}

/** A pod may have planted links in its volume: a path that leaves the volume is refused, a missing one is made. */
function subPathOf(localPath: string, hostPath: string): (path: string) => string {
  return (below) => {
    const wanted = safeJoin(localPath, below);
    mkdirUnlessThere(wanted);
    const root = realpathSync(localPath);
    const found = realpathSync(wanted);
    if (found !== root && !found.startsWith(root + sep)) throw new ConfigError(`subPath "${below}" leads out of its volume`);
    return join(hostPath, found.slice(root.length));
  };
}

function mkdirUnlessThere(path: string): void {
  try {
    realpathSync(path);
  } catch {
    mkdirSync(path, { recursive: true });
  }
}

function safeJoin(root: string, below: string): string {
  if (below.startsWith('/') || below.split('/').includes('..'))
    throw new ConfigError(`subPath "${below}" must be relative and without ".."`);
  return join(root, below);
}

function kindOf(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'empty';
}
