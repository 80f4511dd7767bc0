/** `keelson up`: starts the services and waits until the API server answers and all three nodes are Ready. */
import { nodes } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { systemClock } from '#component/clock.ts';
import { findClusterClient } from '../cluster-client.ts';
import { listServices, startServices, tailLogs } from '../compose.ts';
import type { Progress } from '../progress.ts';
import { NODE_NAMES } from '../project.ts';
import { waitFor } from '../wait-for.ts';

/** From the containers' start on a machine that is busy with other things; normally a few seconds. */
const API_SERVER_MS_MAX = 90_000;
const NODES_MS_MAX = 90_000;

/** Log lines shown of a service that does not run. */
const LOG_LINES = 8;

export async function runUp(progress: Progress): Promise<void> {
  await progress.step('containers', async () => {
    await startServices();
    return `${(await listServices()).filter(({ state }) => state === 'running').length} running`;
  });
  const client = findClusterClient();
  if (client === undefined) throw new Error('the certificates were not made; see: docker compose logs bootstrap');
  try {
    await progress.step('API server', () => withDiagnosis(() => waitForApiServer(client)));
    await progress.step('nodes', () => withDiagnosis(() => waitForNodes(client)));
  } finally {
    await client.close();
  }
}

async function waitForApiServer(client: Client): Promise<string> {
  await waitFor(systemClock, API_SERVER_MS_MAX, async () => {
    const { statusCode, text } = await client.getText('/readyz');
    return statusCode === 200 ? undefined : `the API server is not ready: ${text.trim()}`;
  });
  return 'ready';
}

async function waitForNodes(client: Client): Promise<string> {
  await waitFor(systemClock, NODES_MS_MAX, async () => {
    const { items } = await client.resource(nodes).list();
    const problems = findNodeProblems(items);
    return problems.length === 0 ? undefined : problems.join('\n');
  });
  return `${NODE_NAMES.join(', ')} Ready`;
}

/** Of a Node or a Pod, what tells whether it is well. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

export interface SeenNode {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** One line per node that is not there or not Ready; pure. */
export function findNodeProblems(found: readonly SeenNode[]): readonly string[] {
  return NODE_NAMES.flatMap((name) => {
    const node = found.find(({ metadata }) => metadata.name === name);
    if (node === undefined) return [`node ${name}: its kubelet has not registered it`];
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return [];
    return [`node ${name}: not Ready${ready?.message === undefined ? '' : `: ${ready.message}`}`];
  });
}

/** Adds to a failure which services do not run, and what they said last. */
async function withDiagnosis(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    const fallen = (await listServices()).filter(({ state, exitCode }) => state === 'restarting' || (state === 'exited' && exitCode !== 0));
    const lines = await Promise.all(fallen.map(async ({ service }) => `${service} does not run:\n${await tailLogs(service, LOG_LINES)}`));
    throw new Error([error instanceof Error ? error.message : String(error), ...lines].join('\n'), { cause: error });
  }
}
