/**
 * `npm run bench -- apiserver [ROW …]`: what an API server costs, by the rows of `rows.ts`, in one run of less than three minutes: start, ten thousand custom
 * resources created, read, changed, listed and watched by sixteen clients, a restart with them, and deleted. By default against a server of its own
 * (`local-server.ts`); with `--kubeconfig FILE`, and `--pid N` if it runs on this machine, against any that speaks Kubernetes' API.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Details, type Figure, median } from '../figure.ts';
import { openConnection, type Target } from './connection.ts';
import { CRD_PATH, collectionPath, definition, GROUP, PLURAL, workload } from './custom-resource.ts';
import { readTarget } from './kubeconfig.ts';
import { type Bench, CLIENTS, type Cost, type LoadResult, measureCost, measureLoad, openConnections } from './load.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';
import { chooseRows, type RowName, rows } from './rows.ts';
import { metricsOf, usageOfMetrics, usageOfProcess } from './usage.ts';
import { measureBurst, measurePaced, type WatchResult } from './watches.ts';

const OBJECTS = 10_000;
/** Enough for the CPU to be told to 1 %. */
const READS = 10_000;
const CHANGES = 5_000;
const LISTS = 5;
const PAGES = 40;
const STARTS = 5;
const SETTLE_MS = 3_000;
const POLL_MS = 50;
/** Node compiles what runs often while it runs: what is measured is a server that has been running for a while. */
const WARM_UPS = 1_500;

const NAMESPACE = 'bench-apiserver';
const WATCHED_NAMESPACE = 'bench-apiserver-watched';
const WARM_UP_NAMESPACE = 'bench-apiserver-warm-up';
const NAMESPACES = [NAMESPACE, WATCHED_NAMESPACE, WARM_UP_NAMESPACE];
const MERGE_PATCH = 'application/merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';

export interface ApiServerBenchOptions {
  readonly rows: readonly string[];
  readonly kubeconfig?: string | undefined;
  readonly pid?: string | undefined;
}

type Report = (name: RowName, value: number, details?: Details) => void;

export async function measureApiServer({ rows: wanted, kubeconfig, pid }: ApiServerBenchOptions): Promise<readonly Figure[]> {
  const chosen = new Set(chooseRows(wanted));
  const figures: Figure[] = [];
  const report: Report = (name, value, details) => {
    if (!chosen.has(name)) return;
    const { unit, atMost, goal, ...row } = rows[name];
    const peer = { name: 'upstream', value: row.upstream };
    const figure = {
      bench: 'apiserver',
      figure: name,
      value,
      unit,
      peer,
      target: { atMost, goal },
      ...(details === undefined ? {} : { details }),
    };
    process.stderr.write(`  ${name}: ${Number(value.toPrecision(3))} ${unit}\n`);
    figures.push(figure);
  };
  if (kubeconfig !== undefined) {
    const target = readTarget(kubeconfig);
    await measureRemote(target, pid === undefined ? undefined : Number(pid), chosen, report);
    return figures;
  }
  const local = await startLocalServer();
  const stopAndExit = () => void local.stop().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stopAndExit);
  try {
    await measureLocal(local, chosen, report);
  } finally {
    await local.stop();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stopAndExit);
  }
  return figures;
}

async function measureLocal(local: LocalServer, chosen: ReadonlySet<RowName>, report: Report): Promise<void> {
  process.stderr.write(`  etcd as a ${local.etcd.kind}\n`);
  // The first start compiles what the others find compiled, as they do in the image.
  await local.restart();
  if (chosen.has('start')) {
    const seconds: number[] = [];
    const cpuSeconds: number[] = [];
    while (seconds.length < STARTS) {
      seconds.push(await local.restart());
      cpuSeconds.push((await usageOfProcess(local.pid()).read()).cpuSeconds);
    }
    report('start', median(seconds), { 'CPU-s': median(cpuSeconds) });
  }
  if (chosen.size === 1 && chosen.has('start')) return;
  const administrator = openConnection(local.administrator);
  const bench = () => ({ target: local.user, administrator, etcd: local.etcd.usage, server: usageOfProcess(local.pid()) });
  try {
    await prepare({ ...bench(), connections: [] }, local.userName);
    await withConnections(bench(), (open) => measureCreate(open, report));
    if (chosen.has('rss-10k')) {
      await local.forgetHistory();
      await local.restart();
      await delay(SETTLE_MS);
      report('rss-10k', (await bench().server.read()).residentBytes / 1e6);
    }
    await withConnections(bench(), (open) => measureRows(open, chosen, report));
  } finally {
    await administrator.close();
  }
}

async function measureRemote(target: Target, pid: number | undefined, chosen: ReadonlySet<RowName>, report: Report): Promise<void> {
  const administrator = openConnection(target);
  const server = pid === undefined ? usageOfMetrics(metricsOf(administrator)) : usageOfProcess(pid);
  try {
    await prepare({ target, administrator, server, etcd: undefined, connections: [] }, undefined);
    await withConnections({ target, administrator, server, etcd: undefined }, async (bench) => {
      await measureCreate(bench, report);
      await measureRows(bench, chosen, report);
    });
    await administrator.send({ method: 'DELETE', path: `${CRD_PATH}/${PLURAL}.${GROUP}` });
    for (const name of NAMESPACES) await administrator.send({ method: 'DELETE', path: `/api/v1/namespaces/${name}` });
  } finally {
    await administrator.close();
  }
}

async function withConnections(bench: Omit<Bench, 'connections'>, run: (bench: Bench) => Promise<void>): Promise<void> {
  const connections = openConnections(bench.target);
  try {
    await run({ ...bench, connections });
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Namespaces, the definition, and for somebody who is no administrator a role. */
async function prepare({ administrator }: Bench, userName: string | undefined): Promise<void> {
  const post = (path: string, body: object) => administrator.send({ method: 'POST', path, body: JSON.stringify(body) });
  for (const name of NAMESPACES) await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await post(CRD_PATH, definition);
  if (userName !== undefined) {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const apiGroup = 'rbac.authorization.k8s.io';
    const rules = [{ apiGroups: [GROUP], resources: [PLURAL], verbs: ['*'] }];
    await post(`${rbac}/clusterroles`, { apiVersion, kind: 'ClusterRole', metadata: { name: userName }, rules });
    await post(`${rbac}/clusterrolebindings`, {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: userName },
      roleRef: { apiGroup, kind: 'ClusterRole', name: userName },
      subjects: [{ apiGroup, kind: 'User', name: userName }],
    });
  }
  const isServed = async () => (await administrator.ask({ method: 'GET', path: collectionPath(NAMESPACE) })).statusCode === 200;
  while (!(await isServed())) await delay(POLL_MS);
}

async function measureCreate(bench: Bench, report: Report): Promise<void> {
  await warmUp(bench);
  const result = await measureLoad(bench, OBJECTS, create(NAMESPACE));
  const { text } = await bench.administrator.send({ method: 'GET', path: pathOf(0), wantsText: true });
  report('create', (1_000 * result.cpuSeconds) / OBJECTS, { ...loadDetails(result, OBJECTS), 'object, B': Buffer.byteLength(text) });
}

async function measureRows(bench: Bench, chosen: ReadonlySet<RowName>, report: Report): Promise<void> {
  const collection = collectionPath(NAMESPACE);
  const load = async (name: RowName, count: number, operate: Operation) => {
    if (!chosen.has(name)) return;
    const result = await measureLoad(bench, count, operate);
    report(name, (1_000 * result.cpuSeconds) / count, loadDetails(result, count));
  };
  await warmUp(bench);
  await load('get-consistent', READS, get(NAMESPACE, ''));
  await load('get-rv0', READS, get(NAMESPACE, '?resourceVersion=0'));
  if (chosen.has('list-10k')) await measureLists(bench, 'list-10k', { count: LISTS, path: collection }, report);
  if (chosen.has('list-500')) await measureLists(bench, 'list-500', { count: PAGES, path: `${collection}?limit=500` }, report);
  if (chosen.has('rss-peak')) report('rss-peak', await measurePeakMegabytes(bench, collection));
  if (chosen.has('watch-event')) {
    const burst = await measureBurst(bench, WATCHED_NAMESPACE);
    report('watch-event', (1e6 * burst.cpuSeconds) / burst.events, watchDetails(burst));
  }
  if (chosen.has('watch-paced')) {
    const paced = await measurePaced(bench, WATCHED_NAMESPACE);
    report('watch-paced', paced.p99Ms, { ...watchDetails(paced), 'p99 from request, ms': paced.fromRequestP99Ms });
  }
  await load('put', CHANGES, put(NAMESPACE));
  await load('merge-patch', CHANGES, mergePatch(NAMESPACE));
  await load('apply', CHANGES, apply(NAMESPACE));
  await load('delete', OBJECTS, remove(NAMESPACE));
}

/** A little of everything, elsewhere. */
async function warmUp(bench: Bench): Promise<void> {
  const operations = [create, (namespace: string) => get(namespace, ''), put, mergePatch, apply, remove];
  for (const operation of operations) await measureLoad(bench, WARM_UPS, operation(WARM_UP_NAMESPACE));
}

type Operation = Parameters<typeof measureLoad>[2];

const nameOf = (index: number) => `workload-${String(index).padStart(5, '0')}`;
const pathOf = (index: number, namespace = NAMESPACE) => `${collectionPath(namespace)}/${nameOf(index)}`;

function create(namespace: string): Operation {
  const path = collectionPath(namespace);
  return (connection, index) => connection.send({ method: 'POST', path, body: workload(nameOf(index), 'created') });
}

function get(namespace: string, query: string): Operation {
  return (connection, index) => connection.send({ method: 'GET', path: `${pathOf(index, namespace)}${query}` });
}

function put(namespace: string): Operation {
  return (connection, index) =>
    connection.send({ method: 'PUT', path: pathOf(index, namespace), body: workload(nameOf(index), 'replaced') });
}

function mergePatch(namespace: string): Operation {
  const body = '{"spec":{"replicas":5}}';
  return (connection, index) => connection.send({ method: 'PATCH', path: pathOf(index, namespace), body, contentType: MERGE_PATCH });
}

function apply(namespace: string): Operation {
  return (connection, index) => {
    const path = `${pathOf(index, namespace)}?fieldManager=bench-apply&force=true`;
    return connection.send({ method: 'PATCH', path, body: workload(nameOf(index), 'applied'), contentType: APPLY_PATCH });
  };
}

function remove(namespace: string): Operation {
  return (connection, index) => connection.send({ method: 'DELETE', path: pathOf(index, namespace) });
}

/** One after the other, each read to its end. */
async function measureLists(
  bench: Bench,
  name: RowName,
  { count, path }: { readonly count: number; readonly path: string },
  report: Report,
): Promise<void> {
  const [connection] = bench.connections;
  if (connection === undefined) return;
  let bytes = 0;
  const cost = await measureCost(bench, async () => {
    for (let index = 0; index < count; index++) bytes = (await connection.send({ method: 'GET', path })).bytes;
  });
  report(name, cost.cpuSeconds / count, { 'body, MB': bytes / 1e6, ...costDetails(cost, count / 1_000) });
}

/** Of the server while sixteen clients list everything at once. Where the kernel does not tell the peak, the most that was seen. */
async function measurePeakMegabytes({ connections, server }: Bench, path: string): Promise<number> {
  server.forgetPeak();
  let highest = 0;
  let isOver = false;
  const look = async () => {
    while (!isOver) {
      const { residentBytes, peakBytes } = await server.read();
      highest = Math.max(highest, peakBytes ?? residentBytes);
      await delay(POLL_MS);
    }
  };
  const looking = look();
  await Promise.all(connections.slice(0, CLIENTS).map((connection) => connection.send({ method: 'GET', path })));
  isOver = true;
  await looking;
  const { residentBytes, peakBytes } = await server.read();
  return Math.max(highest, peakBytes ?? residentBytes) / 1e6;
}

function loadDetails(result: LoadResult, count: number): Details {
  const { perSecond, p50Ms, p99Ms } = result;
  return { 'p50, ms': p50Ms, 'p99, ms': p99Ms, 'per s': perSecond, ...costDetails(result, count / 1_000) };
}

function watchDetails(result: WatchResult): Details {
  return {
    dropped: result.dropped,
    events: result.events,
    'p50, ms': result.p50Ms,
    'p99, ms': result.p99Ms,
    ...costDetails(result, result.events / 1_000),
  };
}

function costDetails({ etcdCpuSeconds, loopDelayMs }: Cost, thousands: number): Details {
  return {
    ...(etcdCpuSeconds === undefined ? {} : { 'etcd, CPU-s per 1,000': etcdCpuSeconds / thousands }),
    ...(loopDelayMs === undefined ? {} : { 'loop p99, ms': loopDelayMs }),
  };
}
