/**
 * What a process has used: from the kernel where it runs on this machine, otherwise from its own `/metrics`, which upstream's components and etcd have
 * under the same names. Also the server's word on how long its event loop was held up.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'undici';
import type { Connection } from './connection.ts';

export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** The most it has had since `forgetPeak`; undefined where nobody keeps it. */
  readonly peakBytes: number | undefined;
}

export interface UsageReader {
  read(): Promise<Usage>;
  forgetPeak(): void;
}

/** Linux counts CPU in these; `getconf CLK_TCK` has been 100 on every machine there is. */
const TICKS_PER_SECOND = 100;
const USER_TICKS_FIELD = 13;

/** A process on this machine. Throws where there is no `/proc`. */
export function usageOfProcess(pid: number): UsageReader {
  return {
    read: async () => {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Behind the process's name, which is in brackets and may hold anything.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = Number(fields[USER_TICKS_FIELD - 2]) + Number(fields[USER_TICKS_FIELD - 1]);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return {
        cpuSeconds: ticks / TICKS_PER_SECOND,
        residentBytes: kibibytesIn(status, 'VmRSS') * 1024,
        peakBytes: kibibytesIn(status, 'VmHWM') * 1024,
      };
    },
    // The 5 resets the mark of the highest resident size: proc(5).
    forgetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
  };
}

/** Whoever tells of itself in Prometheus' format. */
export function usageOfMetrics(readMetrics: () => Promise<string>): UsageReader {
  return {
    read: async () => {
      const text = await readMetrics();
      const residentBytes = findMetric(text, 'process_resident_memory_bytes') ?? Number.NaN;
      return { cpuSeconds: findMetric(text, 'process_cpu_seconds_total') ?? Number.NaN, residentBytes, peakBytes: undefined };
    },
    forgetPeak: () => {},
  };
}

export function metricsOf(connection: Connection): () => Promise<string> {
  return async () => (await connection.send({ method: 'GET', path: '/metrics', wantsText: true })).text;
}

/** Without encryption, as etcd's own metrics address is. */
export function metricsAt(url: string): () => Promise<string> {
  return async () => (await request(url)).body.text();
}

/** Node's own 99th percentile since it was last read, which begins it anew; undefined where the server does not tell. */
export async function readLoopDelayMs(readMetrics: () => Promise<string>): Promise<number | undefined> {
  const seconds = findMetric(await readMetrics(), 'nodejs_eventloop_lag_p99_seconds');
  return seconds === undefined ? undefined : seconds * 1_000;
}

function findMetric(text: string, name: string): number | undefined {
  const match = new RegExp(`^${name}(?:\\{[^}]*\\})? ([^ \\n]+)`, 'm').exec(text);
  return match === null ? undefined : Number(match[1]);
}

function kibibytesIn(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
}
