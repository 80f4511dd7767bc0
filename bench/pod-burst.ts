/**
 * Fifty pods of one container each, POSTed at once to one node, beside as many pairs of bare containers on the same engine, eight at a time: how many a second, until the last one is Running.
 */
import type Docker from 'dockerode';
import { pods } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { removeContainers, startBareContainer, startJoinedContainer } from './bare-containers.ts';
import { benchPod } from './bench-pods.ts';
import { type Figure, median } from './figure.ts';

const PODS = 50;
const ROUNDS = 3;
/** More would not make the engine faster: it has some locks. */
const BARE_AT_ONCE = 8;
const NODE = 'worker-1';

export async function measurePodBurst(client: Client, docker: Docker): Promise<readonly Figure[]> {
  const [bareSeconds, podSeconds] = [[] as number[], [] as number[]];
  for (let round = 0; round < ROUNDS; round++) {
    bareSeconds.push(await timeBarePairs(docker));
    podSeconds.push(await timePods(client, round));
  }
  const peer = { name: 'pairs of bare containers', value: PODS / median(bareSeconds) };
  return [{ bench: 'pod-start', figure: `${PODS} at once on one node`, value: PODS / median(podSeconds), unit: 'per s', peer }];
}

async function timeBarePairs(docker: Docker): Promise<number> {
  const made: Docker.Container[] = [];
  let begun = 0;
  const work = async () => {
    while (begun < PODS) {
      begun += 1;
      const first = await startBareContainer(docker);
      made.push(first, await startJoinedContainer(docker, first));
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: BARE_AT_ONCE }, work));
  const seconds = (performance.now() - startedAt) / 1_000;
  await removeContainers(made);
  return seconds;
}

/** The pods are deleted and gone before this resolves. */
async function timePods(client: Client, round: number): Promise<number> {
  const resource = client.resource(pods);
  const label = `burst-${process.pid}-${round}`;
  const labelSelector = `bench=${label}`;
  const names = Array.from({ length: PODS }, (_, index) => `bench-${process.pid}-burst-${round}-${index}`);
  const stop = new AbortController();
  const { metadata } = await resource.list({ namespace: 'default', limit: 1 });
  const events = resource.watch({ namespace: 'default', labelSelector, resourceVersion: metadata.resourceVersion ?? '' }, stop.signal);
  const startedAt = performance.now();
  const posted = Promise.all(names.map((name) => resource.create(benchPod(name, { nodeName: NODE, labels: { bench: label } }))));
  const [running, deleted] = [new Set<string>(), new Set<string>()];
  let seconds = Number.NaN;
  for await (const event of events) {
    if (event.type === 'BOOKMARK') continue;
    const { name } = event.object.metadata;
    if (event.type === 'DELETED') deleted.add(name);
    else if (event.object.status?.phase === 'Running') running.add(name);
    if (running.size === PODS && Number.isNaN(seconds)) {
      seconds = (performance.now() - startedAt) / 1_000;
      await posted;
      await Promise.all(names.map((each) => resource.delete({ namespace: 'default', name: each }, { gracePeriodSeconds: 0 })));
    }
    if (deleted.size === PODS) break;
  }
  stop.abort();
  return seconds;
}
