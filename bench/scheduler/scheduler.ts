/**
 * `npm run bench -- scheduler [WORKLOAD …] [--nodes N] [--pods N]`: upstream's scheduler_perf. As there, an API server on a real etcd, a scheduler, nodes that are
 * nothing but objects, and sixteen clients that create pods; the rate is that of pods getting a node, from the first one's creation on. Here etcd, the API server,
 * the scheduler (`scheduler/main.ts`) and the load are processes of their own, and each workload begins with new ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Connection, Target } from '../apiserver/connection.ts';
import { openConnections } from '../apiserver/load.ts';
import { type LocalServer, startLocalServer } from '../apiserver/local-server.ts';
import { usageOfProcess } from '../apiserver/usage.ts';
import type { Figure } from '../figure.ts';
import { watchBoundPods } from './bound-pods.ts';
import { BEFORE_NAMESPACE, CHURN_NAMESPACE, MEASURED_NAMESPACE, nodeBodies, podBody, podsPath, prerequisites } from './objects.ts';
import { chooseWorkloads, type PodShape, resizeWorkload, type Smaller, type Workload } from './workloads.ts';

const CHURN_MS = 200;
/** A scheduler that does a pod in a second has lost. */
const SECONDS_PER_POD_MAX = 1;
const SECONDS_MIN = 60;

const root = join(import.meta.dirname, '../..');

export interface SchedulerBenchOptions extends Smaller {
  readonly workloads: readonly string[];
}

export async function measureScheduler({ workloads: wanted, ...smaller }: SchedulerBenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const workload of chooseWorkloads(wanted)) {
    try {
      figures.push(await measureWorkload(resizeWorkload(workload, smaller)));
    } catch (error) {
      process.stderr.write(`  ${workload.name}: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  return figures;
}

/** Who makes the load, and by what. */
interface Load {
  readonly target: Target;
  readonly connections: readonly Connection[];
}

async function measureWorkload(workload: Workload): Promise<Figure> {
  const local = await startLocalServer();
  const connections = openConnections(local.administrator);
  let scheduler: ChildProcess | undefined;
  const stop = async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await end(scheduler);
    await local.stop();
  };
  const stopAndExit = () => void stop().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stopAndExit);
  try {
    await local.restart();
    scheduler = await startScheduler(local);
    const load = { target: local.administrator, connections };
    await prepare(workload, load);
    return await measurePods(workload, load, { scheduler: scheduler.pid ?? -1, server: local.pid() });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stopAndExit);
    await stop();
  }
}

async function startScheduler(local: LocalServer): Promise<ChildProcess> {
  const file = (name: string) => join(local.pki, 'scheduler', name);
  const log = openSync(join(local.folder, 'scheduler.log'), 'a');
  return spawn(process.execPath, ['scheduler/main.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: process.env.KEELSON_BENCH_NODE_OPTIONS,
      LOG_LEVEL: 'warn',
      KEELSON_SERVER: local.administrator.server,
      KEELSON_CA: file('ca.crt'),
      KEELSON_CERT: file('tls.crt'),
      KEELSON_KEY: file('tls.key'),
      HEALTH_PORT: String(await freePort()),
    },
    stdio: ['ignore', log, log],
  });
}

/** The nodes, and the pods that are there before, each kind until all of it is bound. */
async function prepare(workload: Workload, { target, connections }: Load): Promise<void> {
  const [first] = connections;
  for (const [path, body] of prerequisites) await first?.send({ method: 'POST', path, body });
  const nodes = nodeBodies(workload);
  await inParallel(connections, nodes.length, async (connection, index) => {
    const { name } = JSON.parse(nodes[index] ?? '').metadata;
    await connection.send({ method: 'POST', path: '/api/v1/nodes', body: nodes[index] ?? '' });
    // A new node is tainted until somebody has found it ready; nobody does here, and upstream's test runs without that admission plugin.
    await connection.send({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}`,
      body: '{"spec":{"taints":null}}',
      contentType: 'application/merge-patch+json',
    });
  });
  if (workload.before.length === 0) return;
  const bound = await watchBoundPods(target, BEFORE_NAMESPACE);
  let total = 0;
  for (const [kind, { count, pod }] of workload.before.entries()) {
    total += count;
    await createPods(connections, BEFORE_NAMESPACE, { count, pod, prefix: `before-${kind}` });
    await bound.until(total, secondsMax(count));
  }
  await bound.close();
}

async function measurePods(
  { name, measured, churn, upstream, share }: Workload,
  { target, connections }: Load,
  pids: { readonly scheduler: number; readonly server: number },
): Promise<Figure> {
  const processes = [usageOfProcess(pids.scheduler), usageOfProcess(pids.server)];
  const cpuSeconds = async () => Promise.all(processes.map(async (usage) => (await usage.read()).cpuSeconds));
  const { count } = measured;
  const bound = await watchBoundPods(target, MEASURED_NAMESPACE);
  const stopChurn = churn === undefined ? () => {} : startChurn(connections, churn);
  const before = await cpuSeconds();
  const startedAt = performance.now();
  await createPods(connections, MEASURED_NAMESPACE, { ...measured, prefix: 'measured' });
  const createdS = (performance.now() - startedAt) / 1_000;
  await bound.until(count, secondsMax(count));
  const seconds = (performance.now() - startedAt) / 1_000;
  const [scheduler = 0, server = 0] = (await cpuSeconds()).map((after, index) => after - (before[index] ?? 0));
  stopChurn();
  await bound.close();
  const perThousand = 1_000 / count;
  process.stderr.write(`  ${name}: ${(count / seconds).toFixed(0)} pods/s\n`);
  return {
    bench: 'scheduler',
    figure: name,
    value: count / seconds,
    unit: 'pods/s',
    peer: { name: 'upstream', value: upstream },
    target: { atLeast: upstream * share, goal: upstream },
    details: {
      'scheduler, CPU-s per 1,000': scheduler * perThousand,
      'API server, CPU-s per 1,000': server * perThousand,
      'created per s': count / createdS,
    },
  };
}

function startChurn([connection]: readonly Connection[], pod: PodShape): () => void {
  let count = 0;
  const timer = setInterval(() => {
    const body = podBody(`churn-${count++}`, pod);
    // A failure shows in the rate of what is measured, which is what counts.
    connection?.send({ method: 'POST', path: podsPath(CHURN_NAMESPACE), body }).catch(() => {});
  }, CHURN_MS);
  return () => clearInterval(timer);
}

function createPods(
  connections: readonly Connection[],
  namespace: string,
  { count, pod, prefix }: { readonly count: number; readonly pod: PodShape; readonly prefix: string },
): Promise<void> {
  return inParallel(connections, count, (connection, index) =>
    connection.send({ method: 'POST', path: podsPath(namespace), body: podBody(`${prefix}-${index}`, pod) }),
  );
}

async function inParallel(
  connections: readonly Connection[],
  count: number,
  operate: (connection: Connection, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async (connection: Connection) => {
    for (let index = next++; index < count; index = next++) await operate(connection, index);
  };
  await Promise.all(connections.map(work));
}

function secondsMax(count: number): number {
  return Math.max(SECONDS_MIN, count * SECONDS_PER_POD_MAX);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await once(server.close(), 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
