/** A number of operations by sixteen clients, each with a connection of its own and one request at a time, and what they cost. */
import { type Connection, openConnection, type Target } from './connection.ts';
import { metricsOf, readLoopDelayMs, type UsageReader } from './usage.ts';

export const CLIENTS = 16;

/** Everything a row needs to be measured. */
export interface Bench {
  readonly target: Target;
  readonly connections: readonly Connection[];
  /** As somebody who may read metrics and prepare. */
  readonly administrator: Connection;
  readonly server: UsageReader;
  /** Undefined where the server's etcd is not ours. */
  readonly etcd: UsageReader | undefined;
}

export interface Cost {
  readonly cpuSeconds: number;
  readonly etcdCpuSeconds: number | undefined;
  readonly loopDelayMs: number | undefined;
}

export interface LoadResult extends Cost {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function openConnections(target: Target): readonly Connection[] {
  return Array.from({ length: CLIENTS }, () => openConnection(target));
}

/** Does `operate` for 0 to `count` - 1. */
export async function measureLoad(
  bench: Bench,
  count: number,
  operate: (connection: Connection, index: number) => Promise<unknown>,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let next = 0;
  const work = async (connection: Connection) => {
    for (let index = next++; index < count; index = next++) {
      const startedAt = performance.now();
      await operate(connection, index);
      latencies.push(performance.now() - startedAt);
    }
  };
  let elapsedMs = 0;
  const cost = await measureCost(bench, async () => {
    const startedAt = performance.now();
    await Promise.all(bench.connections.map(work));
    elapsedMs = performance.now() - startedAt;
  });
  return { ...cost, perSecond: (1_000 * count) / elapsedMs, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
}

/** What the server, and its etcd, used meanwhile. */
export async function measureCost(
  { administrator, server, etcd }: Pick<Bench, 'administrator' | 'server' | 'etcd'>,
  work: () => Promise<void>,
): Promise<Cost> {
  const readMetrics = metricsOf(administrator);
  await readLoopDelayMs(readMetrics);
  const [before, etcdBefore] = [await server.read(), await etcd?.read()];
  await work();
  const [after, etcdAfter] = [await server.read(), await etcd?.read()];
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    etcdCpuSeconds: etcdAfter && etcdBefore && etcdAfter.cpuSeconds - etcdBefore.cpuSeconds,
    loopDelayMs: await readLoopDelayMs(readMetrics),
  };
}

/** The value that the given share of all values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
