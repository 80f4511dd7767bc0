/**
 * What this node, its pods and their containers use, when somebody asks: the kubelet's HTTPS API, and eviction. Questions that come while one is being answered
 * share its answer. Nothing is read in between.
 */
import type { Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import type { PodStates } from '../pod-states.ts';
import { type CgroupName, podCgroup } from '../resources/cgroup-paths.ts';
import type { CgroupTree } from '../resources/node-cgroups.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import { type CpuRate, createCpuRates, WINDOW_MS_MIN } from './cpu-rates.ts';
import { type MemoryUsage, readCgroupUsage, sumUsages, type Usage } from './usage.ts';

export interface Measured {
  readonly startedAtMs: number;
  readonly usage: Usage;
  readonly rate: CpuRate | undefined;
}

export interface ContainerStats extends Measured {
  readonly name: string;
  readonly container: RuntimeContainer;
}

export interface PodStats extends Measured {
  readonly pod: Pod;
  readonly sandboxPid: number | undefined;
  readonly containers: readonly ContainerStats[];
}

export interface NodeStats extends Measured {
  readonly pods: readonly PodStats[];
}

export interface NodeStatsSource {
  collect(): Promise<NodeStats>;
  /** Memory of all pods together; a single look, for who looks often. Undefined where there are no cgroups to read. */
  readPodsMemory(): Promise<MemoryUsage | undefined>;
}

export interface NodeStatsDeps {
  readonly clock: Clock;
  readonly states: PodStates;
  /** Pods that are not over. */
  readonly activePods: () => readonly Pod[];
  /** Where the node's cgroups are; without any the engine is asked, container by container. */
  readonly cgroups: (CgroupTree & { readonly node: CgroupName }) | undefined;
  readonly askEngine: (containerId: string) => Promise<Usage | undefined>;
}

export function createNodeStats(deps: NodeStatsDeps): NodeStatsSource {
  const { clock, states, cgroups } = deps;
  const rates = createCpuRates();
  const bootMs = clock.now();
  let asked: Promise<NodeStats> | undefined;

  function measure(name: string, usage: Usage, startedAtMs: number): Measured {
    rates.note(name, usage, startedAtMs);
    return { startedAtMs, usage, rate: rates.find(name) };
  }

  async function readContainer(pod: Pod, container: RuntimeContainer): Promise<ContainerStats | undefined> {
    if (container.state.phase !== 'running') return undefined;
    const { id, identity, state } = container;
    const usage =
      cgroups === undefined
        ? await deps.askEngine(id)
        : await readCgroupUsage(cgroups, podCgroup(cgroups.node, pod), id, () => clock.now());
    if (usage === undefined) return undefined;
    return { name: identity.containerName ?? '', container, ...measure(id, usage, state.startedAtMs) };
  }

  async function readPod(pod: Pod): Promise<PodStats | undefined> {
    const { uid } = pod.metadata;
    const sandbox = states.sandboxesOf(uid).at(-1);
    if (sandbox?.state.phase !== 'running') return undefined;
    const read = await Promise.all(states.containersOf(uid).map((container) => readContainer(pod, container)));
    const containers = read.filter((container) => container !== undefined);
    const whole =
      cgroups === undefined ? undefined : await readCgroupUsage(cgroups, podCgroup(cgroups.node, pod), undefined, () => clock.now());
    const usage =
      whole ??
      sumUsages(
        containers.map((container) => container.usage),
        clock.now(),
      );
    return { pod, sandboxPid: sandbox.state.pid, containers, ...measure(uid, usage, sandbox.state.startedAtMs) };
  }

  async function readOnce(): Promise<NodeStats> {
    const read = await Promise.all(deps.activePods().map(readPod));
    const pods = read.filter((pod) => pod !== undefined);
    const whole = cgroups === undefined ? undefined : await readCgroupUsage(cgroups, cgroups.node, undefined, () => clock.now());
    const usage =
      whole ??
      sumUsages(
        pods.map((pod) => pod.usage),
        clock.now(),
      );
    // The node's cgroup has its history; only what it uses while somebody looks is a rate.
    const node = measure(NODE, usage, Number.NEGATIVE_INFINITY);
    rates.keep(new Set([NODE, ...pods.flatMap((pod) => [pod.pod.metadata.uid, ...pod.containers.map(({ container }) => container.id)])]));
    return { pods, ...node, startedAtMs: bootMs };
  }

  /** Twice when somebody has not been looked at lately: a rate needs two looks. */
  async function look(): Promise<NodeStats> {
    const first = await readOnce();
    const all = [first, ...first.pods, ...first.pods.flatMap(({ containers }) => containers)];
    if (all.every(({ rate }) => rate !== undefined)) return first;
    await clock.sleep(WINDOW_MS_MIN, AbortSignal.any([]));
    return readOnce();
  }

  return {
    readPodsMemory: async () => {
      if (cgroups === undefined) return undefined;
      return (await readCgroupUsage(cgroups, cgroups.node, undefined, () => clock.now()))?.memory;
    },
    collect: () => {
      asked ??= look().finally(() => {
        asked = undefined;
      });
      return asked;
    },
  };
}

/** No uid and no container's id looks like this. */
const NODE = 'node';
