/**
 * Looks after the node's memory and disk: every ten seconds at what is left, which costs some small reads; and when too little is, first removes what nobody needs, then evicts one pod
 * and waits until it is gone before it looks again. Pods that take more of the disk than they may go by themselves. Decisions are next door, each in a file of its own.
 * Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { PodStates } from '../pod-states.ts';
import type { DiskStats, DiskStatsSource } from '../stats/disk-stats.ts';
import type { NodeStats, NodeStatsSource } from '../stats/node-stats.ts';
import { evictionMessage } from './eviction-message.ts';
import { isCritical, orderForEviction, type PodUse, type Use } from './eviction-order.ts';
import { isMet, nextPressure, noPressure, type Observations, pressuresOf } from './pressure.ts';
import { exceededStorage, hasStorageLimits } from './storage-limits.ts';
import { type NodePressure, signals, type Threshold } from './thresholds.ts';

export interface Eviction {
  readonly message: string;
  readonly gracePeriodSeconds: number;
  /** The node was short of something; else the pod went over its own limits. */
  readonly isForNode: boolean;
}

export interface EvictionOptions {
  readonly thresholds: readonly Threshold[];
  /** How long a pressure is told of after it was last seen. */
  readonly transitionMs: number;
  /** Of pods that are evicted for a soft threshold. */
  readonly softGracePeriodSecondsMax: number;
}

export interface EvictionManager {
  pressures(): ReadonlySet<NodePressure>;
  /** Until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface EvictionDeps {
  readonly activePods: () => readonly Pod[];
  readonly states: PodStates;
  readonly nodeStats: NodeStatsSource;
  readonly diskStats: DiskStatsSource;
  readonly observe: () => Promise<Observations>;
  readonly evict: (pod: Pod, eviction: Eviction) => void;
  /** Containers that ended and images that nobody uses. */
  readonly reclaimDisk: () => Promise<void>;
  readonly onPressureChange: (before: ReadonlySet<NodePressure>, after: ReadonlySet<NodePressure>) => void;
  /** An event about the node. */
  readonly report: (type: 'Warning', reason: string, message: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Upstream's `evictionMonitoringPeriod`. */
const LOOK_MS = 10_000;
/** Upstream's `podCleanupTimeout` and `podCleanupPollFreq`. */
const GONE_MS_MAX = 30_000;
const GONE_LOOK_MS = 1_000;
/** As quick as it can be: upstream's `immediateEvictionGracePeriodSeconds`. */
const HARD_GRACE_PERIOD_SECONDS = 1;

export function createEvictionManager(
  { thresholds, transitionMs, softGracePeriodSecondsMax }: EvictionOptions,
  deps: EvictionDeps,
): EvictionManager {
  const { clock, log, states } = deps;
  let state = noPressure;
  let pressures: ReadonlySet<NodePressure> = new Set();

  /** Gives the pods that were told to go. */
  async function look(): Promise<readonly Pod[]> {
    const observations = await deps.observe();
    const nowMs = clock.monotonic();
    state = nextPressure(state, { thresholds, observations, nowMs });
    tellPressures(pressuresOf(state, nowMs, transitionMs));
    const greedy = await evictGreedy();
    const [threshold] = state.due;
    return greedy.length > 0 || threshold === undefined ? greedy : relieve(threshold, observations);
  }

  function tellPressures(after: ReadonlySet<NodePressure>): void {
    if (isDeepStrictEqual(after, pressures)) return;
    const before = pressures;
    pressures = after;
    log.info({ pressures: [...after] }, 'what the node is short of has changed');
    deps.onPressureChange(before, after);
  }

  async function evictGreedy(): Promise<readonly Pod[]> {
    const limited = deps.activePods().filter(hasStorageLimits);
    if (limited.length === 0) return [];
    const disks = await deps.diskStats.collect();
    return limited.filter((pod) => {
      const message = exceededStorage(pod, storageUseOf(pod, disks, states));
      if (message === undefined || isCritical(pod)) return false;
      evict(pod, { message, gracePeriodSeconds: HARD_GRACE_PERIOD_SECONDS, isForNode: false });
      return true;
    });
  }

  async function relieve(threshold: Threshold, observations: Observations): Promise<readonly Pod[]> {
    const { resource, pressure } = signals[threshold.signal];
    log.warn({ threshold, observed: observations.get(threshold.signal) }, 'the node is short of something');
    deps.report('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (pressure === 'DiskPressure') {
      await deps.reclaimDisk();
      const after = await deps.observe();
      if (!thresholds.some((each) => isMet(each, after, true))) return [];
    }
    const stats = await deps.nodeStats.collect();
    const disks = pressure === 'DiskPressure' ? await deps.diskStats.collect() : undefined;
    const [pod] = orderForEviction(usesOf(deps.activePods(), stats, disks), resourceOf(resource));
    if (pod === undefined) return [];
    const message = evictionMessage(pod, threshold, observations, containerUses(pod, resource, stats, disks));
    const gracePeriodSeconds = threshold.graceMs === 0 ? HARD_GRACE_PERIOD_SECONDS : softGracePeriodSecondsMax;
    evict(pod, { message, gracePeriodSeconds, isForNode: true });
    return [pod];
  }

  function evict(pod: Pod, eviction: Eviction): void {
    log.warn({ pod: keyOf(pod), why: eviction.message }, 'evicting a pod');
    deps.evict(pod, eviction);
  }

  async function waitUntilGone(pods: readonly Pod[], signal: AbortSignal): Promise<void> {
    const isGone = ({ metadata }: Pod) => states.containersOf(metadata.uid).every(({ state: { phase } }) => phase !== 'running');
    for (let waitedMs = 0; waitedMs < GONE_MS_MAX && !pods.every(isGone); waitedMs += GONE_LOOK_MS) {
      await clock.sleep(GONE_LOOK_MS, signal);
    }
  }

  async function lookOnce(signal: AbortSignal): Promise<void> {
    const evicted = await look();
    if (evicted.length > 0) await waitUntilGone(evicted, signal);
    else await clock.sleep(LOOK_MS, signal);
  }

  return {
    pressures: () => pressures,
    run: async (signal) => {
      await states.whenListed(signal).catch(() => {});
      while (!signal.aborted) {
        try {
          await lookOnce(signal);
        } catch (error) {
          if (signal.aborted) return;
          log.warn({ err: error }, 'cannot look after the resources of the node');
          await clock.sleep(LOOK_MS, signal).catch(() => {});
        }
      }
    },
  };
}

function resourceOf(name: string): keyof Use {
  if (name === 'memory' || name === 'ephemeral-storage' || name === 'inodes') return name;
  return 'pids';
}

function usesOf(pods: readonly Pod[], stats: NodeStats, disks: DiskStats | undefined): readonly PodUse[] {
  return pods.map((pod) => {
    const found = stats.pods.find((each) => each.pod.metadata.uid === pod.metadata.uid);
    if (found === undefined) return { pod, use: undefined };
    const volumes = [...(disks?.volumes.get(pod.metadata.uid)?.values() ?? [])];
    const use = {
      memory: found.usage.memory.workingSetBytes,
      'ephemeral-storage': disks?.podBytes(pod) ?? 0,
      inodes: volumes.reduce((sum, { inodesUsed }) => sum + inodesUsed, 0),
      pids: found.usage.processes,
    };
    return { pod, use };
  });
}

/** What the message tells of each container. */
function containerUses(pod: Pod, resource: string, stats: NodeStats, disks: DiskStats | undefined): ReadonlyMap<string, number> {
  const containers = stats.pods.find((each) => each.pod.metadata.uid === pod.metadata.uid)?.containers ?? [];
  if (resource === 'memory') return new Map(containers.map(({ name, usage }) => [name, usage.memory.workingSetBytes]));
  if (resource !== 'ephemeral-storage' || disks === undefined) return new Map();
  return new Map(containers.map(({ name, container }) => [name, disks.writable.get(container.id) ?? 0]));
}

function storageUseOf(pod: Pod, disks: DiskStats, states: PodStates) {
  const { uid } = pod.metadata;
  const containers = states
    .containersOf(uid)
    .map(({ id, identity }) => [identity.containerName ?? '', disks.writable.get(id) ?? 0] as const);
  const volumes = [...(disks.volumes.get(uid) ?? [])].map(([name, { usedBytes }]) => [name, usedBytes] as const);
  return { podBytes: disks.podBytes(pod), volumeBytes: new Map(volumes), containerBytes: new Map(containers) };
}
