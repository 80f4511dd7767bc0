/**
 * `keelson status`: one line per thing that is wrong, from the outside in: engine, services, API server, nodes, pods. Where one layer is
 * wrong, the next is still asked if it can answer. Gives whether all is well.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Client } from '#client/client.ts';
import { findClusterClient } from '../cluster-client.ts';
import { listServices, type ServiceState } from '../compose.ts';
import type { Progress } from '../progress.ts';
import { NODE_NAMES } from '../project.ts';
import { findEngineVersion } from '../setup/machine-facts.ts';
import { type Condition, findNodeProblems } from './up.ts';

/** They end when they are done. */
const ONE_SHOTS = ['bootstrap', 'addons'];

export async function runStatus(progress: Progress): Promise<boolean> {
  const { problems, summary } = await findStatus();
  for (const problem of problems) progress.text(problem);
  if (problems.length === 0) progress.text(`all well: ${summary}`);
  return problems.length === 0;
}

interface Status {
  readonly problems: readonly string[];
  readonly summary: string;
}

async function findStatus(): Promise<Status> {
  const only = (problem: string) => ({ problems: [problem], summary: '' });
  if ((await findEngineVersion()) === undefined) return only('the Docker engine does not answer: npx keelson doctor');
  const services = await listServices();
  if (services.length === 0) return only('there is no cluster: npx keelson start');
  const serviceProblems = findServiceProblems(services);
  const client = findClusterClient();
  if (client === undefined) return { problems: [...serviceProblems, 'there is no kubeconfig: npx keelson up'], summary: '' };
  try {
    const cluster = await findClusterStatus(client);
    return { problems: [...serviceProblems, ...cluster.problems], summary: cluster.summary };
  } finally {
    await client.close();
  }
}

async function findClusterStatus(client: Client): Promise<Status> {
  try {
    const ready = await client.getText('/readyz');
    if (ready.statusCode !== 200) return { problems: [`the API server is not ready: ${ready.text.trim()}`], summary: '' };
    const [nodeList, podList] = await Promise.all([client.resource(nodes).list(), client.resource(pods).list()]);
    const problems = [...findNodeProblems(nodeList.items), ...findPodProblems(podList.items)];
    return { problems, summary: `${NODE_NAMES.length} nodes Ready, ${podList.items.length} pods` };
  } catch (error) {
    return { problems: [`the API server does not answer: ${error instanceof Error ? error.message : String(error)}`], summary: '' };
  }
}

export function findServiceProblems(services: readonly ServiceState[]): readonly string[] {
  return services.flatMap(({ service, state, health, exitCode }) => {
    if (ONE_SHOTS.includes(service)) {
      return state === 'exited' && exitCode !== 0 ? [`service ${service}: failed; see: docker compose logs ${service}`] : [];
    }
    if (state !== 'running') return [`service ${service}: ${state}; see: docker compose logs ${service}`];
    return health === 'unhealthy' ? [`service ${service}: unhealthy; see: docker compose logs ${service}`] : [];
  });
}

export interface SeenPod {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** A pod that is being deleted, or that has run to its end, is nobody's problem. */
export function findPodProblems(found: readonly SeenPod[]): readonly string[] {
  return found.flatMap(({ metadata, status }) => {
    if (metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded') return [];
    if (status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true) return [];
    return [`pod ${metadata.namespace}/${metadata.name}: ${podReason(status)}`];
  });
}

function podReason(status: SeenPod['status']): string {
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting !== undefined)?.state?.waiting;
  if (waiting !== undefined) return [waiting.reason, waiting.message].filter((text) => text !== undefined).join(': ');
  const unmet = status?.conditions?.find(({ status: value, message }) => value !== 'True' && message !== undefined);
  return unmet?.message ?? status?.phase ?? 'not seen by its kubelet';
}
