/**
 * The network of this node's pods: wires a sandbox, tells what address it has, unwires it. What was done is noted in a file per sandbox
 * together with the process and the node namespace it was done in, so that a kubelet that restarts knows without asking the kernel, and
 * notices when the namespace its pods were wired into is gone.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/generated/types.ts';
import { allContainersOf, type NetworkState } from '../pod-snapshot.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import type { Cni } from './cni.ts';
import type { Run } from './exec.ts';
import { type HostPort, renderNodeRules } from './node-rules.ts';

export interface PodNetwork {
  /** What is known about this sandbox, without asking anyone. */
  stateOf(sandbox: RuntimeContainer | undefined): NetworkState;
  setUp(pod: Pod, sandbox: RuntimeContainer): Promise<void>;
  tearDown(sandboxId: string, pid: number | undefined): Promise<void>;
  /** Gives back what a sandbox had that somebody else removed; nothing when it has been given back already. */
  releaseLost(sandboxId: string): Promise<void>;
  /** Reads the notes and gives back what belongs to no living sandbox. Must be called once, before anything else. */
  restore(sandboxes: readonly RuntimeContainer[]): Promise<void>;
  /** The range that addresses are given from; undefined until the node has one. */
  podCidr(): string | undefined;
  setPodCidr(podCidr: string | undefined): void;
}

export interface PodNetworkOptions {
  readonly clusterCidr: string;
  /** Where the notes are kept. */
  readonly directory: string;
  /** Identifies the node's network namespace: another value means that everything wired before is gone. */
  readonly namespaceId: string;
  readonly nodeIp: string;
}

interface Note {
  readonly sandboxId: string;
  readonly pid: number;
  readonly namespaceId: string;
  readonly podIp: string;
  readonly podCidr: string;
  readonly hostPorts: readonly HostPort[];
}

export function createPodNetwork(options: PodNetworkOptions, deps: { readonly cni: Cni; readonly run: Run }): PodNetwork {
  const notes = new Map<string, Note>();
  let podCidr: string | undefined;
  let rulesDone: Promise<void> = Promise.resolve();
  const pathOf = (sandboxId: string) => join(options.directory, `${sandboxId}.json`);

  async function keep(note: Note): Promise<void> {
    await mkdir(options.directory, { recursive: true });
    await writeFile(`${pathOf(note.sandboxId)}.new`, JSON.stringify(note));
    await rename(`${pathOf(note.sandboxId)}.new`, pathOf(note.sandboxId));
    notes.set(note.sandboxId, note);
  }

  /** One after the other: two loads at once could put an older table last. */
  function loadRules(): Promise<void> {
    const load = async () => {
      const hostPorts = [...notes.values()].flatMap((note) => note.hostPorts);
      await deps.run('nft', ['-f', '-'], { input: renderNodeRules(options.clusterCidr, hostPorts) });
    };
    rulesDone = rulesDone.then(load, load);
    return rulesDone;
  }

  async function wire(pod: Pod, sandboxId: string, pid: number): Promise<void> {
    if (podCidr === undefined) throw new Error('cni plugin not initialized');
    // What a setup that was cut off left behind would make the plugin refuse.
    if (await isHalfDone(sandboxId)) await deps.cni.remove(sandboxId, pid, podCidr);
    await writeFile(`${pathOf(sandboxId)}.begun`, '');
    const podIp = await deps.cni.add(sandboxId, pid, podCidr);
    const hostPorts = hostPortsOf(pod, podIp);
    await keep({ sandboxId, pid, namespaceId: options.namespaceId, podIp, podCidr, hostPorts });
    await rm(`${pathOf(sandboxId)}.begun`, { force: true });
    if (hostPorts.length > 0) await loadRules();
  }

  async function isHalfDone(sandboxId: string): Promise<boolean> {
    await mkdir(options.directory, { recursive: true });
    const names = await readdir(options.directory);
    return names.includes(`${sandboxId}.begun`);
  }

  async function tearDown(sandboxId: string, pid: number | undefined): Promise<void> {
    const note = notes.get(sandboxId);
    const range = note?.podCidr ?? podCidr;
    if (range !== undefined && range !== '') await deps.cni.remove(sandboxId, pid, range);
    notes.delete(sandboxId);
    await Promise.all([rm(pathOf(sandboxId), { force: true }), rm(`${pathOf(sandboxId)}.begun`, { force: true })]);
    if ((note?.hostPorts.length ?? 0) > 0) await loadRules();
  }

  return {
    stateOf: (sandbox) => {
      if (sandbox?.state.phase !== 'running') return { phase: 'down' };
      const note = notes.get(sandbox.id);
      if (note === undefined) return { phase: 'down' };
      const isSame = note.namespaceId === options.namespaceId && note.pid === sandbox.state.pid;
      return isSame ? { phase: 'up', podIp: note.podIp } : { phase: 'stale' };
    },

    setUp: async (pod, sandbox) => {
      if (sandbox.state.phase !== 'running') throw new Error('the sandbox does not run');
      const { pid } = sandbox.state;
      if (pod.spec.hostNetwork !== true) return wire(pod, sandbox.id, pid);
      const own = { sandboxId: sandbox.id, pid, namespaceId: options.namespaceId, podIp: options.nodeIp, podCidr: '', hostPorts: [] };
      await keep(own);
    },

    tearDown,
    releaseLost: async (sandboxId) => {
      if (notes.has(sandboxId)) await tearDown(sandboxId, undefined);
    },

    restore: async (sandboxes) => {
      await mkdir(options.directory, { recursive: true });
      const known = new Set(sandboxes.map(({ id }) => id));
      await deps.cni.releaseAllBut(known);
      for (const name of await readdir(options.directory)) {
        if (!known.has(name.split('.')[0] ?? '')) await rm(join(options.directory, name), { force: true });
        else if (name.endsWith('.json'))
          notes.set(name.slice(0, -'.json'.length), decodeNote(await readFile(join(options.directory, name), 'utf8')));
      }
      await loadRules();
    },

    podCidr: () => podCidr,
    setPodCidr: (range) => {
      podCidr = range;
    },
  };
}

export function hostPortsOf(pod: Pod, podIp: string): readonly HostPort[] {
  return allContainersOf(pod)
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ hostPort, hostIP, protocol = 'TCP', containerPort }) => {
      if (hostPort === undefined || hostPort === 0) return [];
      const hostIp = hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0' ? undefined : hostIP;
      return [{ protocol: protocolOf(protocol), hostIp, hostPort, podIp, containerPort }];
    });
}

function protocolOf(name: string): HostPort['protocol'] {
  if (name === 'UDP') return 'udp';
  return name === 'SCTP' ? 'sctp' : 'tcp';
}

/** The kubelet's own file: only what a crash could have done to it is checked. */
function decodeNote(text: string): Note {
  const parsed: unknown = JSON.parse(text);
  const field = (name: string): unknown => (typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined);
  const word = (name: string): string => {
    const value = field(name);
    if (typeof value !== 'string') throw new Error(`the note about a sandbox's network has no ${name}`);
    return value;
  };
  const hostPorts = field('hostPorts');
  return {
    sandboxId: word('sandboxId'),
    pid: Number(field('pid')),
    namespaceId: word('namespaceId'),
    podIp: word('podIp'),
    podCidr: word('podCidr'),
    hostPorts: Array.isArray(hostPorts) ? hostPorts.flatMap(decodeHostPort) : [],
  };
}

function decodeHostPort(value: unknown): readonly HostPort[] {
  if (typeof value !== 'object' || value === null) return [];
  const field = (name: string): unknown => Reflect.get(value, name);
  const hostIp = field('hostIp');
  return [
    {
      protocol: protocolOf(String(field('protocol')).toUpperCase()),
      hostIp: typeof hostIp === 'string' ? hostIp : undefined,
      hostPort: Number(field('hostPort')),
      podIp: String(field('podIp')),
      containerPort: Number(field('containerPort')),
    },
  ];
}
