/**
 * `npm run bench -- kwok [--nodes N] [--pods N]`: kwok's own test at its full size, in the in-process cluster: nodes become Ready, pods become Running, pods are
 * deleted. kwok names the pods' node; here the scheduler chooses it. Everything shares one thread: API server, controllers, scheduler, nodes, and who makes the load.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { createInformer, type Informer } from '#client/informer.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { type Cluster, createCluster } from '../in-process/index.ts';
import type { Figure } from './figure.ts';
import { startOwnUsage } from './own-usage.ts';

const NODES = 5_000;
const PODS = 10_000;
/** kwok's own limits, for its own counts. */
const NODES_READY_S_MAX = 60;
const PODS_RUNNING_S_MAX = 60;
const PODS_DELETED_S_MAX = 90;
/** Requests of the load that are under way at once. */
const CLIENTS = 16;

export interface KwokOptions {
  readonly nodes: number | undefined;
  readonly pods: number | undefined;
}

export async function measureKwok({ nodes: nodeCount = NODES, pods: podCount = PODS }: KwokOptions): Promise<readonly Figure[]> {
  await using cluster = await createCluster({ nodes: 0 });
  const watching = new AbortController();
  const deps = { client: cluster.client, clock: cluster.clock, random: seededRandom(1), log: silentLogger };
  const nodeInformer = createInformer({ type: nodes }, deps);
  const podInformer = createInformer({ type: pods, namespace: 'default' }, deps);
  const running = [nodeInformer.run(watching.signal), podInformer.run(watching.signal)];
  try {
    return [
      await measure(`${nodeCount} nodes Ready`, NODES_READY_S_MAX, async () => {
        const ready = untilCount(nodeInformer, isReady, nodeCount);
        for (let index = 0; index < nodeCount; index++) cluster.nodes.add({ name: `node-${index}` });
        await ready;
      }),
      await measure(`${podCount} pods Running`, PODS_RUNNING_S_MAX, async () => {
        const areRunning = untilCount(podInformer, isRunning, podCount);
        await inParallel(podCount, (index) => createPod(cluster, index));
        await areRunning;
      }),
      await measure(`${podCount} pods deleted`, PODS_DELETED_S_MAX, async () => {
        const areGone = untilCount(podInformer, () => true, 0);
        await inParallel(podCount, (index) => cluster.client.resource(pods).delete({ namespace: 'default', name: nameOf(index) }));
        await areGone;
      }),
    ];
  } finally {
    watching.abort(new Error('measured'));
    await Promise.all(running);
  }
}

async function measure(figure: string, secondsMax: number, work: () => Promise<void>): Promise<Figure> {
  const usage = startOwnUsage();
  await work();
  const { seconds, cpuSeconds } = usage();
  process.stderr.write(`  ${figure}: ${seconds.toFixed(1)} s\n`);
  return {
    bench: 'kwok',
    figure,
    value: seconds,
    unit: 's',
    peer: { name: "kwok's limit", value: secondsMax },
    target: { atMost: secondsMax, goal: secondsMax / 2 },
    details: { 'CPU-s': cpuSeconds },
  };
}

/** Resolves when so many objects are as asked for, which may take a while; counted as they change. */
async function untilCount<T extends ApiObject>(informer: Informer<T>, isCounted: (object: T) => boolean, wanted: number): Promise<void> {
  const counted = new Set<string>();
  const reached = Promise.withResolvers<void>();
  let isStarted = false;
  const unsubscribe = informer.onChange(({ type, object }) => {
    if (type !== 'deleted' && isCounted(object)) counted.add(object.metadata.uid);
    else counted.delete(object.metadata.uid);
    if (isStarted && counted.size === wanted) reached.resolve();
  });
  isStarted = true;
  if (counted.size === wanted) reached.resolve();
  await reached.promise.finally(unsubscribe);
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

function isRunning({ status }: Pod): boolean {
  return status?.phase === 'Running';
}

function nameOf(index: number): string {
  return `fake-pod-${index}`;
}

function createPod({ client }: Cluster, index: number): Promise<Pod> {
  const metadata = { name: nameOf(index), namespace: 'default' };
  return client
    .resource(pods)
    .create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'fake-container', image: 'fake-image' }] } });
}

async function inParallel(count: number, operate: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) await operate(index);
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
}
