/**
 * What the cluster costs while nobody uses it: CPU of every container that belongs to it (components, etcd, DNS, the hello app) over a
 * minute, from the kernel's accounting of each container, and the memory of each.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Figure } from './figure.ts';

const WINDOW_MS = 60_000;
/** After a start or a test things still settle: image pulls, first statuses, garbage collection. */
const SETTLE_MS = 15_000;

interface Usage {
  readonly name: string;
  readonly cpuNs: number;
  readonly memoryBytes: number;
}

export async function measureIdle(): Promise<readonly Figure[]> {
  const docker = new Docker();
  await delay(SETTLE_MS);
  const startedAt = performance.now();
  const before = await readUsages(docker);
  await delay(WINDOW_MS);
  const after = await readUsages(docker);
  const windowNs = (performance.now() - startedAt) * 1e6;
  const cpuNs = [...after].reduce((sum, [id, usage]) => sum + usage.cpuNs - (before.get(id)?.cpuNs ?? 0), 0);
  const usages = [...after.values()].sort((left, right) => right.memoryBytes - left.memoryBytes);
  const memoryBytes = usages.reduce((sum, usage) => sum + usage.memoryBytes, 0);
  return [
    { bench: 'idle', figure: 'CPU of everything', value: (100 * cpuNs) / windowNs, unit: '%', peer: { name: 'one core', value: 100 } },
    { bench: 'idle', figure: 'memory of everything', value: memoryBytes / 2 ** 20, unit: 'MiB' },
    ...[...after].map(([id, usage]) => ({
      bench: 'idle',
      figure: `CPU of ${usage.name}`,
      value: (100 * (usage.cpuNs - (before.get(id)?.cpuNs ?? 0))) / windowNs,
      unit: '%',
    })),
    ...usages.map((usage) => ({ bench: 'idle', figure: `memory of ${usage.name}`, value: usage.memoryBytes / 2 ** 20, unit: 'MiB' })),
  ];
}

/** Every running container of the compose project and every container a kubelet made. */
async function readUsages(docker: Docker): Promise<ReadonlyMap<string, Usage>> {
  const labels = ['com.docker.compose.project=keelson', 'keelson.dev/cluster'];
  const lists = await Promise.all(labels.map((label) => docker.listContainers({ filters: { label: [label] } })));
  const entries = await Promise.all(
    lists.flat().map(async ({ Id, Names, Labels }) => {
      const stats = await docker.getContainer(Id).stats({ stream: false, 'one-shot': true });
      const cache = stats.memory_stats.stats?.total_inactive_file ?? 0;
      const name = nameOf(Labels) ?? (Names[0] ?? Id).replace(/^\/keelson-/, '').replace(/-1$/, '');
      return [Id, { name, cpuNs: stats.cpu_stats.cpu_usage.total_usage, memoryBytes: (stats.memory_stats.usage ?? 0) - cache }] as const;
    }),
  );
  return new Map(entries);
}

/** `hello-7d47…-6j47m/hello`, or `…/sandbox`; undefined for what is no pod's. */
function nameOf(labels: Readonly<Record<string, string>>): string | undefined {
  const pod = labels['keelson.dev/pod-name'];
  return pod === undefined ? undefined : `${pod}/${labels['keelson.dev/container-name'] ?? 'sandbox'}`;
}
