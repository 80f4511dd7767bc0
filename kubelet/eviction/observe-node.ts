/**
 * What is left of the node's resources: of the memory that it declares and of what the machine has, whichever is less; of its disk; of process numbers. Some small reads, every ten
 * seconds. The parsing and the arithmetic are pure.
 */
import { readFile } from 'node:fs/promises';
import type { Disk } from '../stats/disk-stats.ts';
import type { MemoryUsage } from '../stats/usage.ts';
import type { Observation, Observations } from './pressure.ts';
import type { Signal } from './thresholds.ts';

export interface NodeReadings {
  /** Of all pods together; undefined where that cannot be read. */
  readonly pods: MemoryUsage | undefined;
  /** What the machine could still give; undefined where that cannot be read. */
  readonly machineAvailableBytes: number | undefined;
  readonly disk: Disk;
  readonly processes: { readonly count: number; readonly max: number };
}

/** What is read of the machine itself. */
export interface HostReadings {
  readMachineAvailable(): Promise<number | undefined>;
  readProcessCount(): Promise<number>;
  readProcessesMax(): Promise<number>;
  readFileSystem(directory: string): Promise<Disk>;
}

export interface NodeBounds {
  readonly memoryBytes: number;
  /** What all pods together may use. */
  readonly podsMemoryBytes: number;
}

export function observationsOf({ pods, machineAvailableBytes, disk, processes }: NodeReadings, bounds: NodeBounds): Observations {
  const { memoryBytes, podsMemoryBytes } = bounds;
  const machine = machineAvailableBytes ?? memoryBytes;
  const fs = { available: disk.availableBytes, capacity: disk.capacityBytes };
  const inodes = { available: disk.inodesFree, capacity: disk.inodes };
  const usedBytes = pods?.workingSetBytes ?? 0;
  const observed: [Signal, Observation][] = [
    ['memory.available', { available: Math.max(0, Math.min(memoryBytes - usedBytes, machine)), capacity: memoryBytes }],
    ['nodefs.available', fs],
    ['imagefs.available', fs],
    ['pid.available', { available: processes.max - processes.count, capacity: processes.max }],
  ];
  if (pods !== undefined) {
    observed.push(['allocatableMemory.available', { available: Math.max(0, podsMemoryBytes - usedBytes), capacity: podsMemoryBytes }]);
  }
  // Some file systems (btrfs) do not count theirs.
  if (disk.inodes > 0) observed.push(['nodefs.inodesFree', inodes], ['imagefs.inodesFree', inodes]);
  return new Map(observed);
}

/** The kernel's own estimate, in bytes. */
export async function readMachineAvailable(): Promise<number | undefined> {
  return parseMemAvailable(await readFile('/proc/meminfo', 'utf8').catch(() => ''));
}

export function parseMemAvailable(text: string): number | undefined {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** Of the whole machine: the second number of `running/all`. */
export async function readProcessCount(): Promise<number> {
  const text = await readFile('/proc/loadavg', 'utf8').catch(() => '');
  return Number(/\d+\/(\d+)/.exec(text)?.[1] ?? 0);
}
