/**
 * What a cgroup has used so far: processor time, memory, processes. Read from its files, in both versions of cgroups; the parsing is pure. Called for whatever
 * somebody asks about, and for nothing else: reading costs some ten microseconds a file, keeping watch would cost them all day.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CgroupName, containerDirectory, renderDirectory } from '../resources/cgroup-paths.ts';
import type { CgroupTree } from '../resources/node-cgroups.ts';

export interface Usage {
  readonly atMs: number;
  /** Processor time since the cgroup was made. */
  readonly cpuNanos: number;
  readonly memory: MemoryUsage;
  readonly processes: number;
}

export interface MemoryUsage {
  readonly usageBytes: number;
  /** What cannot be taken back without harm: usage less the files that have not been read lately. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
}

/** Text of the files of one cgroup, by name; what is absent is empty. */
type Files = (controller: string, name: string) => Promise<string>;

/** Undefined for a cgroup that is not there. `containerId`: of one container in it. */
export async function readCgroupUsage(
  { mount, driver, version }: CgroupTree,
  name: CgroupName,
  containerId: string | undefined,
  nowMs: () => number,
): Promise<Usage | undefined> {
  const directory = join(renderDirectory(driver, name), containerId === undefined ? '' : containerDirectory(driver, containerId));
  const files: Files = (controller, file) => readFile(join(mount, controller, directory, file), 'utf8').catch(() => '');
  return version === 1 ? readVersion1(files, nowMs) : readVersion2(files, nowMs);
}

async function readVersion1(files: Files, nowMs: () => number): Promise<Usage | undefined> {
  const [cpu, usage, stat, processes] = await Promise.all([
    files('cpuacct', 'cpuacct.usage'),
    files('memory', 'memory.usage_in_bytes'),
    files('memory', 'memory.stat'),
    files('pids', 'pids.current'),
  ]);
  if (cpu === '' || usage === '') return undefined;
  const memory = { inactiveFile: 'total_inactive_file', rss: 'total_rss', faults: 'total_pgfault', majorFaults: 'total_pgmajfault' };
  return { atMs: nowMs(), cpuNanos: Number(cpu), memory: memoryOf(Number(usage), parseStat(stat), memory), processes: Number(processes) };
}

async function readVersion2(files: Files, nowMs: () => number): Promise<Usage | undefined> {
  const [cpu, usage, stat, processes] = await Promise.all([
    files('', 'cpu.stat'),
    files('', 'memory.current'),
    files('', 'memory.stat'),
    files('', 'pids.current'),
  ]);
  if (cpu === '' || usage === '') return undefined;
  const memory = { inactiveFile: 'inactive_file', rss: 'anon', faults: 'pgfault', majorFaults: 'pgmajfault' };
  const cpuNanos = (parseStat(cpu).get('usage_usec') ?? 0) * 1000;
  return { atMs: nowMs(), cpuNanos, memory: memoryOf(Number(usage), parseStat(stat), memory), processes: Number(processes) };
}

interface MemoryNames {
  readonly inactiveFile: string;
  readonly rss: string;
  readonly faults: string;
  readonly majorFaults: string;
}

function memoryOf(usageBytes: number, stat: ReadonlyMap<string, number>, names: MemoryNames): MemoryUsage {
  const of = (name: string) => stat.get(name) ?? 0;
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - of(names.inactiveFile)),
    rssBytes: of(names.rss),
    pageFaults: of(names.faults),
    majorPageFaults: of(names.majorFaults),
  };
}

/** Lines of a name and a number. */
export function parseStat(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [name = '', value] = line.split(' ');
      return value === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
}

/** Where there are no cgroups to read, a whole is the sum of its parts. */
export function sumUsages(usages: readonly Usage[], atMs: number): Usage {
  const sum = (of: (usage: Usage) => number) => usages.reduce((total, usage) => total + of(usage), 0);
  return {
    atMs,
    cpuNanos: sum(({ cpuNanos }) => cpuNanos),
    memory: {
      usageBytes: sum(({ memory }) => memory.usageBytes),
      workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
      rssBytes: sum(({ memory }) => memory.rssBytes),
      pageFaults: sum(({ memory }) => memory.pageFaults),
      majorPageFaults: sum(({ memory }) => memory.majorPageFaults),
    },
    processes: sum(({ processes }) => processes),
  };
}
