/**
 * `npm run bench -- cluster`: how long a test waits for an in-process cluster of one node, and for its `reset` after a Deployment of three pods was there. The first of
 * a process compiles what the others find compiled, so it is told apart; test files are such processes.
 */
import { deployments, pods } from '#api/generated/resources.ts';
import { type Cluster, createCluster } from '../in-process/index.ts';
import { type Figure, median } from './figure.ts';
import { type OwnUsage, startOwnUsage } from './own-usage.ts';

const ROUNDS = 15;
const REPLICAS = 3;
const VIRTUAL_MS_MAX = 60_000;

export async function measureCluster(): Promise<readonly Figure[]> {
  const rounds: { readonly ready: OwnUsage; readonly reset: OwnUsage }[] = [];
  while (rounds.length < ROUNDS) {
    const ready = startOwnUsage();
    const cluster = await createCluster();
    const tookReady = ready();
    try {
      await fill(cluster);
      const reset = startOwnUsage();
      await cluster.reset();
      rounds.push({ ready: tookReady, reset: reset() });
    } finally {
      await cluster.stop();
    }
  }
  const [first, ...others] = rounds;
  const figure = (name: string, usages: readonly OwnUsage[]): Figure => ({
    bench: 'cluster',
    figure: name,
    value: 1_000 * median(usages.map(({ seconds }) => seconds)),
    unit: 'ms',
    details: { 'CPU, ms': 1_000 * median(usages.map(({ cpuSeconds }) => cpuSeconds)) },
  });
  return [
    ...(first === undefined ? [] : [figure('ready, the first of a process', [first.ready])]),
    {
      ...figure(
        'ready, median of the others',
        others.map(({ ready }) => ready),
      ),
      target: { atMost: 300, goal: 150 },
    },
    {
      ...figure(
        'reset, median',
        others.map(({ reset }) => reset),
      ),
      target: { atMost: 10, goal: 10 },
    },
  ];
}

/** A Deployment, until its pods are running. */
async function fill({ client, clock }: Cluster): Promise<void> {
  const labels = { app: 'web' };
  await client.resource(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web' }] } },
    },
  });
  const areRunning = async () => {
    const { items } = await client.resource(pods).list({ namespace: 'default' });
    return items.filter(({ status }) => status?.phase === 'Running').length === REPLICAS;
  };
  await clock.advanceUntil(areRunning, { virtualMsMax: VIRTUAL_MS_MAX });
}
