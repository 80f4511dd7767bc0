/**
 * The hello application as `keelson start` deploys it: creates what examples/hello.yaml says where it is missing and waits until its Service answers through the
 * NodePort on every node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deployments, pods, services } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { systemClock } from '#component/clock.ts';
import { createMissing } from '../bootstrap/apply-manifests.ts';
import { parseManifests } from '../bootstrap/manifest.ts';
import { findPodProblems } from './commands/status.ts';
import { findNodeAddress } from './compose.ts';
import { NODE_NAMES, projectRoot } from './project.ts';
import { waitFor } from './wait-for.ts';

const HELLO_KEY = { namespace: 'default', name: 'hello' };
const HELLO_MS_MAX = 90_000;

/** A packet that no rule translates is dropped in the node: asking again beats waiting. */
const REQUEST_MS_MAX = 1_000;

export interface HelloAddresses {
  readonly clusterIp: string;
  readonly nodePort: number;
  /** Empty where the engine is in a virtual machine whose networks the host cannot reach (Docker Desktop). */
  readonly urls: readonly string[];
  /** What it answered; empty when it was not asked. */
  readonly greeting: string;
}

export async function deployHello(client: Client): Promise<void> {
  const manifests = parseManifests(readFileSync(join(projectRoot, 'examples', 'hello.yaml'), 'utf8'));
  await createMissing(manifests, { client, clock: systemClock });
}

/** Waits until all pods are available and the Service answers through each node; a failure says what is wrong with the pods. */
export async function waitForHello(client: Client): Promise<HelloAddresses> {
  try {
    await waitFor(systemClock, HELLO_MS_MAX, () => findUnavailable(client));
    const { spec } = await client.resource(deployments).get(HELLO_KEY);
    return await findAddresses(client, spec?.replicas !== 0);
  } catch (error) {
    const { items } = await client.resource(pods).list({ namespace: HELLO_KEY.namespace, labelSelector: 'app=hello' });
    throw new Error([error instanceof Error ? error.message : String(error), ...findPodProblems(items)].join('\n'), { cause: error });
  }
}

async function findUnavailable(client: Client): Promise<string | undefined> {
  const { metadata, spec, status } = await client.resource(deployments).get(HELLO_KEY);
  const wanted = spec?.replicas ?? 1;
  const available = status?.observedGeneration === metadata.generation ? (status?.availableReplicas ?? 0) : 0;
  return available >= wanted ? undefined : `hello: ${available} of ${wanted} pods are available`;
}

/** `isAnswering`: false when its user has scaled it to nothing. */
async function findAddresses(client: Client, isAnswering: boolean): Promise<HelloAddresses> {
  const service = await client.resource(services).get(HELLO_KEY);
  const nodePort = service.spec?.ports?.[0]?.nodePort;
  if (nodePort === undefined) throw new Error('the Service hello has no node port');
  const clusterIp = service.spec?.clusterIP ?? '';
  if (process.platform !== 'linux') return { clusterIp, nodePort, urls: [], greeting: '' };
  const urls: string[] = [];
  let greeting = '';
  for (const node of NODE_NAMES) {
    const url = `http://${await findNodeAddress(node)}:${nodePort}/`;
    urls.push(url);
    if (!isAnswering) continue;
    await waitFor(systemClock, HELLO_MS_MAX, async () => {
      greeting = await askHello(url);
      return undefined;
    });
  }
  return { clusterIp, nodePort, urls, greeting };
}

async function askHello(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const text = (await response.text()).trim();
    if (response.ok) return text;
    throw new Error(`status ${response.status}: ${text}`);
  } catch (error) {
    throw new Error(`${url} does not answer: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
