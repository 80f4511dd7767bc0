/**
 * From the POST of a pod to `Running` seen on a watch, beside what the engine alone needs for the same two containers: create and start
 * one without a network, create and start a second that joins it. Both sides in turn, in one run, on the same engine and image.
 */
import Docker from 'dockerode';
import { pods } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { removeContainers, startBareContainer, startJoinedContainer } from './bare-containers.ts';
import { benchPod, createBenchClient } from './bench-pods.ts';
import { type Figure, median } from './figure.ts';
import { measurePodBurst } from './pod-burst.ts';

/** Enough for a steady median; the first of each side is thrown away. */
const ROUNDS = 12;

export async function measurePodStart(): Promise<readonly Figure[]> {
  const client = createBenchClient();
  const docker = new Docker();
  const podMs: number[] = [];
  const bareMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bareMs.push(await timeBareContainers(docker));
    podMs.push(await timePod(client, `bench-${process.pid}-${round}`));
  }
  const peer = { name: 'two bare containers', value: median(bareMs.slice(1)) };
  const one = { bench: 'pod-start', figure: 'POST to Running, median', value: median(podMs.slice(1)), unit: 'ms', peer };
  const burst = await measurePodBurst(client, docker);
  await client.close();
  return [one, ...burst];
}

/** Milliseconds until the watch, opened before the POST, says Running. The pod is deleted and gone before the next round. */
async function timePod(client: Client, name: string): Promise<number> {
  const resource = client.resource(pods);
  const key = { namespace: 'default', name };
  const stop = new AbortController();
  const { metadata } = await resource.list({ namespace: 'default', limit: 1 });
  const events = resource.watch(
    { namespace: 'default', fieldSelector: `metadata.name=${name}`, resourceVersion: metadata.resourceVersion ?? '' },
    stop.signal,
  );
  let elapsedMs = Number.NaN;
  let startedAt = 0;
  const posted = (async () => {
    startedAt = performance.now();
    await resource.create(benchPod(name));
  })();
  for await (const event of events) {
    if (event.type === 'BOOKMARK') continue;
    if (event.type === 'DELETED') break;
    if (event.object.status?.phase === 'Running' && Number.isNaN(elapsedMs)) {
      elapsedMs = performance.now() - startedAt;
      await posted;
      await resource.delete(key, { gracePeriodSeconds: 0 });
    }
  }
  stop.abort();
  return elapsedMs;
}

async function timeBareContainers(docker: Docker): Promise<number> {
  const startedAt = performance.now();
  const first = await startBareContainer(docker);
  const second = await startJoinedContainer(docker, first);
  const elapsedMs = performance.now() - startedAt;
  await removeContainers([second, first]);
  return elapsedMs;
}
