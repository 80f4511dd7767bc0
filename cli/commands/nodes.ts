/**
 * `keelson nodes add 10 --cpu 64 --zone a,b` and `keelson nodes remove`: nodes without machines beside the real ones. Each is an ordinary Node with a label; who creates
 * or deletes such Nodes with kubectl does the same. The process that keeps them (`simulated-nodes/`) is started with the first.
 */
import { nodes } from '#api/generated/resources.ts';
import type { Node, Taint } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { systemClock } from '#component/clock.ts';
import { findClusterClient } from '../cluster-client.ts';
import { startSimulatedNodes } from '../compose.ts';
import type { Progress } from '../progress.ts';
import { waitFor } from '../wait-for.ts';

/** As `simulated-nodes/` knows it. */
const SIMULATED_LABEL = 'keelson.dev/simulated';
const READY_MS_MAX = 90_000;
/** Pod ranges are what there is fewest of: a /24 each, of the cluster's /16. */
const NODES_MAX = 200;

export interface RequestedNodes {
  readonly count: number;
  /** Of their names. */
  readonly name: string;
  readonly cpu: string;
  readonly memory: string;
  readonly pods: string;
  /** `nvidia.com/gpu=8` */
  readonly resource: readonly string[];
  /** `a,b,c` */
  readonly zone?: string;
  readonly label: readonly string[];
  /** `false` for none at all; empty for the one that keeps others' pods away. */
  readonly taint: readonly string[] | false;
}

export async function runAddNodes(progress: Progress, requested: RequestedNodes): Promise<void> {
  await withCluster(async (client) => {
    await progress.step('simulator', async () => {
      await startSimulatedNodes();
      return 'running';
    });
    await progress.step('nodes', async () => {
      const known = new Set((await client.resource(nodes).list()).items.map(({ metadata }) => metadata.name));
      const drafts = draftNodes(requested, known);
      for (const draft of drafts) await client.resource(nodes).create(draft);
      await untilReady(client, new Set(drafts.map(({ metadata }) => metadata.name ?? '')));
      return drafts.length === 1
        ? `${drafts[0]?.metadata.name} Ready`
        : `${drafts[0]?.metadata.name} … ${drafts.at(-1)?.metadata.name} Ready`;
    });
  });
}

export async function runRemoveNodes(progress: Progress): Promise<void> {
  await withCluster((client) =>
    progress.step('nodes', async () => {
      const { items } = await client.resource(nodes).list({ labelSelector: `${SIMULATED_LABEL}=true` });
      for (const { metadata } of items) await removeNode(client, metadata.name);
      return items.length === 0 ? 'none was simulated' : `${items.length} removed`;
    }),
  );
}

async function withCluster(work: (client: Client) => Promise<void>): Promise<void> {
  const client = findClusterClient();
  if (client === undefined) throw new Error('there is no cluster: npx keelson start');
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

async function removeNode(client: Client, name: string): Promise<void> {
  try {
    await client.resource(nodes).delete({ namespace: '', name });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

async function untilReady(client: Client, names: ReadonlySet<string>): Promise<void> {
  await waitFor(systemClock, READY_MS_MAX, async () => {
    const { items } = await client.resource(nodes).list({ labelSelector: `${SIMULATED_LABEL}=true` });
    const ready = items.filter(({ metadata, status }) => names.has(metadata.name) && isReady(status));
    return ready.length === names.size ? undefined : `${names.size - ready.length} of ${names.size} simulated nodes are not Ready`;
  });
}

function isReady(status: Node['status']): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

/** The Nodes asked for, under the first numbers that are free; pure. Throws for what cannot be understood. */
export function draftNodes(requested: RequestedNodes, known: ReadonlySet<string>): readonly Draft<Node>[] {
  const { count, name, cpu, memory, pods } = requested;
  if (count < 1 || count > NODES_MAX) throw new Error(`from 1 to ${NODES_MAX} nodes can be added at once`);
  const zones = (requested.zone ?? '').split(',').filter((zone) => zone !== '');
  const labels = pairsOf('--label', requested.label);
  const capacity = { cpu, memory, pods, ...pairsOf('--resource', requested.resource) };
  const taints = taintsOf(requested.taint);
  return freeNames(name, count, known).map((nodeName, index) => {
    const zone = zones[index % Math.max(zones.length, 1)];
    const zoneLabel = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: nodeName, labels: { 'kubernetes.io/hostname': nodeName, ...zoneLabel, ...labels, [SIMULATED_LABEL]: 'true' } },
      spec: { taints },
      status: { capacity, allocatable: capacity },
    };
  });
}

function freeNames(prefix: string, count: number, known: ReadonlySet<string>): readonly string[] {
  const names: string[] = [];
  for (let number = 1; names.length < count; number++) if (!known.has(`${prefix}-${number}`)) names.push(`${prefix}-${number}`);
  return names;
}

function pairsOf(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text) => {
    const [, key, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) throw new Error(`${option} ${text}: it is written key=value`);
    return [key, value];
  });
  return Object.fromEntries(pairs);
}

function taintsOf(texts: readonly string[] | false): readonly Taint[] {
  if (texts === false) return [];
  return (texts.length === 0 ? [`${SIMULATED_LABEL}=true:NoSchedule`] : texts).map((text) => {
    const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
    if (key === undefined || effect === undefined) {
      throw new Error(`--taint ${text}: it is written key=value:effect, and effects are NoSchedule, PreferNoSchedule and NoExecute`);
    }
    return { key, effect, ...(value === undefined ? {} : { value }) };
  });
}
