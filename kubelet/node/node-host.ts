/**
 * What this process can see of the node it runs on: its network namespace, its ancestors among the host's processes. Reads
 * `/proc`; called at the start.
 */
import { readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** `net:[4026532567]`: the same for two processes of one namespace, undefined when that process is gone. */
export function readNetworkNamespace(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** A process and its ancestors, nearest first: with the host's process ids one of them is its container's first process. */
export function readAncestors(pid: number): readonly number[] {
  const found: number[] = [];
  for (let current = pid; current > 1 && !found.includes(current); current = readParent(current)) found.push(current);
  return found;
}

function readParent(pid: number): number {
  try {
    // The name, in parentheses, may hold spaces; the parent is the second word after it.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** When a process began, in ticks since the boot: tells two processes of one id apart. Empty when it is gone. */
export function readStartTime(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** How many processes the kernel can number. */
export async function readProcessesMax(): Promise<number> {
  return Number(await readFile('/proc/sys/kernel/pid_max', 'utf8'));
}

/** The size of the file system that holds the pods' data. */
export function readDiskBytes(directory: string): number {
  const { blocks, bsize } = statfsSync(directory);
  return blocks * bsize;
}
