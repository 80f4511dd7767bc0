/**
 * What the node uses, as the kubelet's `/stats/summary` tells it. Pure. Disks are only in it when they were measured: that costs more than all the rest.
 * Source: k8s.io/kubelet/pkg/apis/stats/v1alpha1.
 */
import type { Pod } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import type { Disk, DiskStats } from './disk-stats.ts';
import type { Interface } from './network-stats.ts';
import type { ContainerStats, Measured, NodeStats, PodStats } from './node-stats.ts';
import type { Usage } from './usage.ts';

export interface SummaryExtras {
  readonly disks: DiskStats;
  /** By pod uid. */
  readonly networks: ReadonlyMap<string, readonly Interface[]>;
  readonly nodeNetwork: readonly Interface[];
  readonly processesMax: number;
}

export interface SummaryOptions {
  readonly nodeName: string;
  readonly memoryBytes: number;
  /** Undefined: processors and memory only. */
  readonly extras: SummaryExtras | undefined;
}

export function renderSummary(stats: NodeStats, { nodeName, memoryBytes, extras }: SummaryOptions) {
  const time = formatTime(stats.usage.atMs);
  return {
    node: {
      nodeName,
      startTime: formatTime(stats.startedAtMs),
      ...cpuOf(stats),
      memory: { ...memoryOf(stats.usage), availableBytes: Math.max(0, memoryBytes - stats.usage.memory.workingSetBytes) },
      ...(extras === undefined
        ? {}
        : {
            network: networkOf(extras.nodeNetwork, time),
            fs: fsOf(extras.disks.node, time),
            runtime: { imageFs: fsOf(extras.disks.node, time), containerFs: fsOf(extras.disks.node, time) },
            rlimit: { time, maxpid: extras.processesMax, curproc: stats.usage.processes },
          }),
    },
    pods: stats.pods.map((pod) => renderPod(pod, extras, time)),
  };
}

function renderPod(stats: PodStats, extras: SummaryExtras | undefined, time: string) {
  const { pod, usage } = stats;
  const { name, namespace = '', uid } = pod.metadata;
  return {
    podRef: { name, namespace, uid },
    startTime: formatTime(stats.startedAtMs),
    containers: stats.containers.map((container) => renderContainer(container, extras, time)),
    ...cpuOf(stats),
    memory: memoryOf(usage),
    ...(extras === undefined ? {} : podExtras(pod, extras, time)),
    process_stats: { process_count: usage.processes },
  };
}

function podExtras(pod: Pod, { disks, networks }: SummaryExtras, time: string) {
  const { uid } = pod.metadata;
  const volumes = [...(disks.volumes.get(uid) ?? [])];
  return {
    network: networkOf(networks.get(uid) ?? [], time),
    volume: volumes.map(([name, disk]) => ({ ...fsOf(disk, time), name })),
    'ephemeral-storage': fsOf({ ...disks.node, usedBytes: disks.podBytes(pod), inodesUsed: 0 }, time),
  };
}

function renderContainer(stats: ContainerStats, extras: SummaryExtras | undefined, time: string) {
  return {
    name: stats.name,
    startTime: formatTime(stats.startedAtMs),
    ...cpuOf(stats),
    memory: memoryOf(stats.usage),
    ...(extras === undefined
      ? {}
      : { rootfs: fsOf({ ...extras.disks.node, usedBytes: extras.disks.writable.get(stats.container.id) ?? 0, inodesUsed: 0 }, time) }),
  };
}

function cpuOf({ usage, rate }: Measured) {
  // What the rate was averaged over is our own addition: our metrics API passes it on.
  const rates = rate === undefined ? {} : { usageNanoCores: rate.nanoCores, windowSeconds: rate.windowMs / 1000 };
  return { cpu: { time: formatTime(usage.atMs), ...rates, usageCoreNanoSeconds: usage.cpuNanos } };
}

function memoryOf({ atMs, memory }: Usage) {
  return { time: formatTime(atMs), ...memory };
}

function fsOf(disk: Disk, time: string) {
  return { time, ...disk };
}

function networkOf(interfaces: readonly Interface[], time: string) {
  const main = interfaces.find(({ name }) => name === 'eth0');
  return { time, ...(main ?? { name: '' }), interfaces };
}
