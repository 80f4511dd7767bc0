/**
 * What a kubelet costs and how fast its streams are: its CPU and memory with fifty running pods that are probed, a command in a container beside `docker exec`, and a log that is
 * followed beside `docker logs`. Both sides in turn, in one run.
 */
import { execFile, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pods } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { benchPod, createBenchClient, kubeconfig, kubectl } from './bench-pods.ts';
import { type Figure, median } from './figure.ts';

const PODS = 50;
const NODE = 'worker-1';
const KUBELET = 'keelson-kubelet-1-1';
const WINDOW_MS = 30_000;
const SETTLE_MS = 15_000;
const READY_MS_MAX = 240_000;
const EXEC_ROUNDS = 15;
const LOG_ROUNDS = 5;
/** Well below what the engine keeps before it rotates: five files of 10 MiB, with some 70 bytes of its own in every line. */
const LOG_BYTES = 24 * 1024 * 1024;

/** What is measured is the kubelet: fifty Node processes that start would keep the machine from answering it. */
const SMALL_SERVER = `use IO::Socket; $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die;
while ($c = $s->accept) { 1 while (defined($_ = <$c>) && /\\S/); print $c "HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"; close $c }`;

const execute = promisify(execFile);

export async function measureKubelet(): Promise<readonly Figure[]> {
  const client = createBenchClient();
  const docker = new Docker();
  const figures = [...(await measureLoad(client, docker)), ...(await measureStreams(client, docker))];
  await client.close();
  return figures;
}

/** Of pods that serve HTTP and are asked every ten seconds whether they live and are ready, as most pods are. */
async function measureLoad(client: Client, docker: Docker): Promise<readonly Figure[]> {
  const labels = { bench: `load-${process.pid}` };
  const probe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 10, timeoutSeconds: 10 };
  const command = ['perl', '-e', SMALL_SERVER];
  const container = { command, readinessProbe: probe, livenessProbe: probe };
  const names = Array.from({ length: PODS }, (_, index) => `bench-${process.pid}-load-${index}`);
  const resource = client.resource(pods);
  try {
    await Promise.all(names.map((name) => resource.create(benchPod(name, { nodeName: NODE, labels, container }))));
    await untilReady(client, labels.bench);
    await delay(SETTLE_MS);
    const [before, startedAt] = [await readUsage(docker), performance.now()];
    await delay(WINDOW_MS);
    const after = await readUsage(docker);
    const cpuPercent = (100 * (after.cpuNs - before.cpuNs)) / ((performance.now() - startedAt) * 1e6);
    return [
      { bench: 'kubelet', figure: `CPU with ${PODS} probed pods`, value: cpuPercent, unit: '%', target: { atMost: 3, goal: 3 } },
      {
        bench: 'kubelet',
        figure: `memory with ${PODS} probed pods`,
        value: after.memoryBytes / 1e6,
        unit: 'MB',
        target: { atMost: 120, goal: 120 },
      },
    ];
  } finally {
    await Promise.all(names.map((name) => resource.delete({ namespace: 'default', name }, { gracePeriodSeconds: 0 })));
  }
}

async function untilReady(client: Client, label: string): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    const { items } = await client.resource(pods).list({ namespace: 'default', labelSelector: `bench=${label}` });
    const ready = items.filter(({ status }) => status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'));
    if (ready.length === PODS) return;
    if (performance.now() > deadline) throw new Error(`${ready.length} of ${PODS} pods are ready after ${READY_MS_MAX / 1_000} s`);
    await delay(1_000);
  }
}

async function readUsage(docker: Docker): Promise<{ readonly cpuNs: number; readonly memoryBytes: number }> {
  const { cpu_stats, memory_stats } = await docker.getContainer(KUBELET).stats({ stream: false, 'one-shot': true });
  return {
    cpuNs: cpu_stats.cpu_usage.total_usage,
    memoryBytes: (memory_stats.usage ?? 0) - (memory_stats.stats?.total_inactive_file ?? 0),
  };
}

async function measureStreams(client: Client, docker: Docker): Promise<readonly Figure[]> {
  const name = `bench-${process.pid}-streams`;
  const key = { namespace: 'default', name };
  // Lines as programs write them.
  const script = `yes '${'x'.repeat(119)}' | head -c ${LOG_BYTES}; sleep infinity`;
  await client.resource(pods).create(benchPod(name, { nodeName: NODE, container: { command: ['sh', '-c', script] } }));
  try {
    const id = await untilWritten(client, name);
    const execMs = { kubectl: [] as number[], docker: [] as number[] };
    for (let round = 0; round < EXEC_ROUNDS; round++) {
      execMs.docker.push(await timeMs(() => execute('docker', ['exec', id, 'true'])));
      execMs.kubectl.push(await timeMs(() => execute(kubectl, ['--kubeconfig', kubeconfig, 'exec', name, '--', 'true'])));
    }
    const rates = { kubectl: [] as number[], docker: [] as number[] };
    let memoryBytes = 0;
    for (let round = 0; round < LOG_ROUNDS; round++) {
      rates.docker.push(await followRate('docker', ['logs', '--follow', id]));
      rates.kubectl.push(await followRate(kubectl, ['--kubeconfig', kubeconfig, 'logs', '--follow', name]));
      memoryBytes = Math.max(memoryBytes, (await readUsage(docker)).memoryBytes);
    }
    const execPeer = { name: 'docker exec', value: median(execMs.docker) };
    const logPeer = { name: 'docker logs --follow', value: median(rates.docker) };
    return [
      { bench: 'kubelet', figure: 'kubectl exec, median', value: median(execMs.kubectl), unit: 'ms', peer: execPeer },
      { bench: 'kubelet', figure: 'kubectl logs --follow', value: median(rates.kubectl), unit: 'MB/s', peer: logPeer },
      { bench: 'kubelet', figure: 'memory after following logs', value: memoryBytes / 1e6, unit: 'MB' },
    ];
  } finally {
    await client.resource(pods).delete(key, { gracePeriodSeconds: 0 });
  }
}

/** The container's id, once all of its log is there. */
async function untilWritten(client: Client, name: string): Promise<string> {
  for (;;) {
    const { status } = await client.resource(pods).get({ namespace: 'default', name });
    const [container] = status?.containerStatuses ?? [];
    const id = container?.containerID?.replace('docker://', '');
    if (id !== undefined && container?.state?.running !== undefined) {
      const { stdout } = await execute('docker', ['top', id, '-o', 'pid,comm']);
      if (stdout.includes('sleep')) return id;
    }
    await delay(500);
  }
}

async function timeMs(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action();
  return performance.now() - startedAt;
}

/** MB a second, from the first byte to the last; a program that follows is stopped then. */
function followRate(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let [bytes, startedAt] = [0, 0];
    child.on('error', reject);
    child.stdout.on('data', (chunk: Buffer) => {
      if (bytes === 0) startedAt = performance.now();
      bytes += chunk.length;
      if (bytes < LOG_BYTES) return;
      child.kill();
      resolve(bytes / 1e3 / (performance.now() - startedAt));
    });
  });
}
