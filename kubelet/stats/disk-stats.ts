/**
 * What pods take of the disk: the writable layers of their containers as the engine counts them, and their volumes. Measured when somebody asks and then good for
 * a minute, as upstream's: it means walking through every file. What the engine keeps of logs it does not tell, so that is in no pod's account.
 */
import { statfs } from 'node:fs/promises';
import type { Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import type { PodStates } from '../pod-states.ts';

export interface Disk {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
  readonly inodesUsed: number;
}

export interface DiskStats {
  /** The file system that holds pods, images and layers, as much of it as the node declares. */
  readonly node: Disk;
  /** Bytes of writable layers by container id. */
  readonly writable: ReadonlyMap<string, number>;
  /** By pod uid, then by name. */
  readonly volumes: ReadonlyMap<string, ReadonlyMap<string, Disk>>;
  /** What counts as the pod's: layers, and volumes that are neither in memory nor somebody else's. */
  podBytes(pod: Pod): number;
}

export interface DiskStatsSource {
  collect(): Promise<DiskStats>;
  /** Of the file system alone: cheap, and always of now. */
  readNode(): Promise<Disk>;
}

export interface DiskStatsDeps {
  readonly clock: Clock;
  readonly states: PodStates;
  readonly activePods: () => readonly Pod[];
  /** Of the file system that holds the pods' files. */
  readonly readFileSystem: () => Promise<Disk>;
  /** What the node declares. */
  readonly diskBytes: number;
  /** Sizes of writable layers by container id. */
  readonly measureLayers: () => Promise<ReadonlyMap<string, number>>;
  readonly measureVolumes: (pod: Pod) => Promise<ReadonlyMap<string, Disk>>;
}

/** Upstream's `volumeStatsAggPeriod`. */
const GOOD_MS = 60_000;

export function createDiskStats(deps: DiskStatsDeps): DiskStatsSource {
  let measured: { readonly atMs: number; readonly stats: Promise<DiskStats> } | undefined;

  async function measure(): Promise<DiskStats> {
    const pods = deps.activePods();
    const [fs, writable, volumes] = await Promise.all([
      deps.readFileSystem(),
      deps.measureLayers(),
      Promise.all(pods.map(async (pod) => [pod.metadata.uid, await deps.measureVolumes(pod)] as const)),
    ]);
    const byPod = new Map(volumes);
    const podBytes = (pod: Pod) => sum(layersOf(pod, deps.states, writable)) + sum(localVolumesOf(pod, byPod.get(pod.metadata.uid)));
    const usedBytes = sum(pods.map(podBytes));
    return { node: declaredPart(fs, deps.diskBytes, usedBytes), writable, volumes: byPod, podBytes };
  }

  function collect(): Promise<DiskStats> {
    const nowMs = deps.clock.now();
    if (measured !== undefined && nowMs - measured.atMs < GOOD_MS) return measured.stats;
    const stats = measure();
    measured = { atMs: nowMs, stats };
    // A failure is not kept.
    stats.catch(() => {
      measured = undefined;
    });
    return stats;
  }

  return {
    collect,
    readNode: async () => {
      const fs = await deps.readFileSystem();
      return deps.diskBytes >= fs.capacityBytes ? fs : (await collect()).node;
    },
  };
}

export async function readFileSystem(directory: string): Promise<Disk> {
  const { bsize, blocks, bavail, bfree, files, ffree } = await statfs(directory);
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes: files,
    inodesFree: ffree,
    inodesUsed: files - ffree,
  };
}

/** A node that declares less than the file system has may use no more of it than that. */
export function declaredPart(fs: Disk, diskBytes: number, usedBytes: number): Disk {
  if (diskBytes >= fs.capacityBytes) return fs;
  const availableBytes = Math.max(0, Math.min(fs.availableBytes, diskBytes - usedBytes));
  return { ...fs, capacityBytes: diskBytes, availableBytes, usedBytes };
}

function layersOf({ metadata }: Pod, states: PodStates, writable: ReadonlyMap<string, number>): readonly number[] {
  return states.containersOf(metadata.uid).map(({ id }) => writable.get(id) ?? 0);
}

/** Volumes that live and die with the pod, on disk. Source: upstream's `localEphemeralVolumeNames`. */
function localVolumesOf({ spec }: Pod, volumes: ReadonlyMap<string, Disk> = new Map()): readonly number[] {
  const local = (spec.volumes ?? []).filter(
    ({ emptyDir, configMap, downwardAPI, gitRepo }) =>
      (emptyDir !== undefined && emptyDir.medium !== 'Memory') ||
      configMap !== undefined ||
      downwardAPI !== undefined ||
      gitRepo !== undefined,
  );
  return local.map(({ name }) => volumes.get(name)?.usedBytes ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
