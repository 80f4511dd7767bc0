/**
 * The kubelet's statistics as its HTTPS API gives them: one function per path, each measuring now. Called by `server.ts`.
 * Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/
 */
import type { DiskStatsSource } from './disk-stats.ts';
import { type Interface, readInterfaces } from './network-stats.ts';
import type { NodeStats, NodeStatsSource } from './node-stats.ts';
import { renderContainerMetrics, renderResourceMetrics } from './resource-metrics.ts';
import { renderSummary } from './summary.ts';

export interface StatsApi {
  summary(onlyCpuAndMemory: boolean): Promise<object>;
  resourceMetrics(): Promise<string>;
  containerMetrics(): Promise<string>;
}

export interface StatsApiDeps {
  readonly nodeName: string;
  readonly memoryBytes: number;
  readonly nodeStats: NodeStatsSource;
  readonly diskStats: DiskStatsSource;
  readonly processesMax: () => Promise<number>;
}

export function createStatsApi(deps: StatsApiDeps): StatsApi {
  const { nodeName, memoryBytes, nodeStats, diskStats } = deps;

  async function readExtras(stats: NodeStats) {
    const [disks, networks, nodeNetwork, processesMax] = await Promise.all([
      diskStats.collect(),
      readNetworks(stats),
      readInterfaces('self'),
      deps.processesMax(),
    ]);
    return { disks, networks, nodeNetwork, processesMax };
  }

  return {
    summary: async (onlyCpuAndMemory) => {
      const stats = await nodeStats.collect();
      return renderSummary(stats, { nodeName, memoryBytes, extras: onlyCpuAndMemory ? undefined : await readExtras(stats) });
    },
    resourceMetrics: async () => renderResourceMetrics(await nodeStats.collect()),
    containerMetrics: async () => {
      const stats = await nodeStats.collect();
      return renderContainerMetrics(stats, await readNetworks(stats));
    },
  };
}

/** By pod uid. A pod of the host network has the node's. */
async function readNetworks({ pods }: NodeStats): Promise<ReadonlyMap<string, readonly Interface[]>> {
  const entries = pods.map(async ({ pod, sandboxPid }) => {
    const interfaces = sandboxPid === undefined ? [] : await readInterfaces(sandboxPid);
    return [pod.metadata.uid, interfaces] as const;
  });
  return new Map(await Promise.all(entries));
}
