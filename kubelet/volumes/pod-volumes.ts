/**
 * A pod's volumes and files on this node. They lie in the kubelet's data directory, which is a volume of the engine: the kubelet writes
 * through its own mount, the pod's containers bind the same place by its path on the engine's host. Preparing again is cheap and repairs
 * what is missing, so it serves for the first time, for changed ConfigMaps and Secrets, and after a restart. A kind of volume that this
 * kubelet does not know makes `prepare` throw, naming it: the pod waits rather than run without its data.
 */

import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, Volume } from '#api/generated/types.ts';
import type { SubPath } from '../container-spec.ts';
import { ConfigError } from '../environment.ts';
import type { Mount } from '../runtime/container-runtime.ts';
import type { Disk } from '../stats/disk-stats.ts';
import { apiFilesKinds } from './api-files-kinds.ts';
import { ClaimError, type ClaimedVolumes } from './claimed-volumes.ts';
import { emptyDirKind } from './empty-dir.ts';
import type { EngineHost } from './engine-host.ts';
import { hostPathKind, localKind } from './host-kinds.ts';
import { mountSubPath, unmountAll } from './sub-paths.ts';
import type { VolumeFilesContext } from './volume-files.ts';
import { below, type Place, type PodVolume, type VolumeKind, type VolumeSource } from './volume-kind.ts';
import { measureVolume } from './volume-usage.ts';

/** Upstream keeps no more of a termination message. */
const MESSAGE_BYTES_MAX = 4096;

export interface PodVolumes {
  /** By volume name. Throws `VolumeErrors`. */
  prepare(context: VolumeFilesContext): Promise<ReadonlyMap<string, VolumeSource>>;
  /** Binds the parts of volumes that a container mounts; where they are on the engine's host, by the index of the container's mount. */
  mountSubPaths(
    pod: Pod,
    container: Container,
    wanted: readonly SubPath[],
    sources: ReadonlyMap<string, VolumeSource>,
  ): Promise<ReadonlyMap<number, string>>;
  /** What each of the pod's own volumes (not what it claims) takes, by name. */
  measure(pod: Pod): Promise<ReadonlyMap<string, Disk>>;
  /** Writes `/etc/hosts` or `/etc/resolv.conf` of the pod, in place: running containers see the change. */
  writeEtcFile(podUid: string, name: 'hosts' | 'resolv.conf', text: string): Promise<void>;
  etcMounts(podUid: string): readonly Mount[];
  /** An empty file for one attempt of a container to write its termination message to; its path on the engine's host. */
  createMessageFile(podUid: string, containerName: string, attempt: number): Promise<string>;
  /** What was written to it; empty when there is none. */
  readMessage(podUid: string, containerName: string, attempt: number): Promise<string>;
  /** Unmounts and removes everything of the pod's here. Throws when something cannot be unmounted: its data must not be removed with it. */
  remove(podUid: string): Promise<void>;
  /** The pods that have anything here, known or not. */
  listPodUids(): Promise<readonly string[]>;
}

/** A volume cannot be mounted (yet); the message is what upstream's event says. */
export class VolumeError extends Error {
  constructor(volumeName: string, cause: unknown) {
    super(`MountVolume.SetUp failed for volume "${volumeName}" : ${messageOf(cause)}`, { cause });
    this.name = 'VolumeError';
  }
}

/** Each volume of a pod that cannot be mounted, by its own error. */
export class VolumeErrors extends AggregateError {
  constructor(problems: readonly unknown[]) {
    super(problems, problems.map(messageOf).join('; '));
    this.name = 'VolumeErrors';
  }
}

export interface PodVolumesDeps {
  readonly host: EngineHost;
  readonly claimed: ClaimedVolumes;
  /** Further kinds: storage drivers, images. */
  readonly kinds?: readonly VolumeKind[];
  /** Our process id as the engine's host counts. */
  readonly ownProcess: number;
  /** The kubelet's directory as pods know it, whose content is at `data.onHost`. */
  readonly wellKnownDirectory: string;
}

export function createPodVolumes(data: Place, { host, claimed, ownProcess, wellKnownDirectory, ...more }: PodVolumesDeps): PodVolumes {
  const pods = below(data, 'pods');
  const local = (...parts: readonly string[]) => join(pods.local, ...parts);
  const onHost = (...parts: readonly string[]) => join(pods.onHost, ...parts);
  const toHost = (path: string) => (isBelow(wellKnownDirectory, path) ? `${data.onHost}${path.slice(wellKnownDirectory.length)}` : path);
  const kinds = [emptyDirKind(host), ...apiFilesKinds, hostPathKind(host, toHost), localKind(host, toHost), ...(more.kinds ?? [])];

  async function prepareVolume(inline: Volume, context: VolumeFilesContext): Promise<VolumeSource> {
    const volume = await claimed.resolve(context.pod, inline);
    try {
      return await setUp(volume, context);
    } catch (error) {
      throw new VolumeError(volume.specName, error);
    }
  }

  async function setUp(volume: PodVolume, context: VolumeFilesContext): Promise<VolumeSource> {
    const { uid } = context.pod.metadata;
    const kind = kinds.find((candidate) => candidate.isKindOf(volume));
    if (kind === undefined) throw new ConfigError(`${kindOf(volume)} volumes are not supported by this kubelet`);
    const place = below(pods, uid, 'volumes', kind.directory, volume.specName);
    const ready = local(uid, 'plugins', kind.directory, volume.name, 'ready');
    const isFirst = (await stat(ready).catch(() => undefined)) === undefined;
    const source = await kind.setUp({ pod: context.pod, volume, place, context, isFirst });
    if (isFirst) await mkdir(ready, { recursive: true });
    return source;
  }

  async function tearDown(podUid: string): Promise<void> {
    await unmountAll(onHost(podUid, 'volume-subpaths'), host);
    for (const { directory, tearDown: undo } of kinds) {
      if (undo === undefined) continue;
      const names = await readdir(local(podUid, 'volumes', directory)).catch(() => []);
      for (const name of names) await undo(below(pods, podUid, 'volumes', directory, name), podUid);
    }
    await unmountAll(onHost(podUid), host);
  }

  return {
    prepare: async (context) => {
      const { spec, metadata } = context.pod;
      await mkdir(local(metadata.uid, 'etc'), { recursive: true });
      const entries = (spec.volumes ?? []).map(async (volume) => [volume.name, await prepareVolume(volume, context)] as const);
      const settled = await Promise.allSettled(entries);
      const names = (spec.volumes ?? []).map(({ name }) => name);
      const failures = settled.flatMap((outcome, index) =>
        outcome.status === 'rejected' ? [{ name: names[index] ?? '', error: outcome.reason }] : [],
      );
      if (failures.length > 0) throw new VolumeErrors(tellFailures(failures));
      return new Map(settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])));
    },

    mountSubPaths: async ({ metadata }, container, wanted, sources) => {
      const mounted = new Map<number, string>();
      for (const { index, volumeName, path } of wanted) {
        const target = onHost(metadata.uid, 'volume-subpaths', volumeName, container.name, String(index));
        const volume = sources.get(volumeName)?.path ?? '';
        try {
          await mountSubPath({ volume, path, target }, host, ownProcess);
        } catch (error) {
          const message = `failed to prepare subPath for volumeMount "${volumeName}" of container "${container.name}"`;
          throw Object.assign(new ConfigError(message), { cause: error });
        }
        mounted.set(index, target);
      }
      return mounted;
    },

    measure: async ({ metadata, spec }) => {
      const own = (spec.volumes ?? []).flatMap((inline) => {
        const volume = { name: inline.name, specName: inline.name, inline };
        const kind = kinds.find((candidate) => candidate.isKindOf(volume));
        return kind === undefined || inline.hostPath !== undefined ? [] : [{ name: inline.name, kind }];
      });
      const entries = own.map(async ({ name, kind }) => {
        const place = below(pods, metadata.uid, 'volumes', kind.directory, name);
        if ((await stat(place.local).catch(() => undefined)) === undefined) return [];
        return [[name, (await kind.measure?.(place)) ?? (await measureVolume(host.local(place.onHost)))] as const];
      });
      return new Map((await Promise.all(entries)).flat());
    },

    writeEtcFile: async (podUid, name, text) => {
      await mkdir(local(podUid, 'etc'), { recursive: true });
      await writeFile(local(podUid, 'etc', name), text);
    },

    etcMounts: (podUid) => [
      { source: onHost(podUid, 'etc', 'hosts'), target: '/etc/hosts', isReadOnly: false },
      { source: onHost(podUid, 'etc', 'resolv.conf'), target: '/etc/resolv.conf', isReadOnly: false },
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
      await tearDown(podUid);
      await rm(local(podUid), { recursive: true, force: true });
    },

    listPodUids: () => readdir(local()).catch(() => []),
  };
}

interface MountFailure {
  readonly name: string;
  readonly error: unknown;
}

/** Claims that cannot be used are told of together, as upstream tells of what it could not even begin to mount. */
function tellFailures(failures: readonly MountFailure[]): readonly unknown[] {
  const isClaim = ({ error }: MountFailure) => error instanceof ClaimError;
  const others = failures.filter((failure) => !isClaim(failure)).map(({ error }) => error);
  const ofClaims = failures.filter(isClaim).toSorted((left, right) => (left.name < right.name ? -1 : 1));
  if (ofClaims.length === 0) return others;
  const unmounted = failures.map(({ name }) => name).toSorted();
  const unprocessed = ofClaims.map(({ name }) => name);
  const lists = `unmounted volumes=[${unmounted.join(' ')}], unattached volumes=[], failed to process volumes=[${unprocessed.join(' ')}]`;
  const why = ofClaims.map(({ error }) => messageOf(error)).join('; ');
  return [new Error(`Unable to attach or mount volumes: ${lists}: ${why}`), ...others];
}

function isBelow(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function messageName(containerName: string, attempt: number): string {
  return join('messages', `${containerName}-${attempt}`);
}

function kindOf({ inline, claimed }: PodVolume): string {
  const source = claimed === undefined ? inline : sourceOnly(claimed.volume.spec);
  return Object.keys(source).find((key) => key !== 'name') ?? 'empty';
}

/** Of a persistent volume: the fields that end in what it is made of. */
function sourceOnly(spec: object): object {
  const shared = ['accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy'];
  const also = ['storageClassName', 'volumeAttributesClassName', 'volumeMode'];
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !shared.includes(key) && !also.includes(key)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
