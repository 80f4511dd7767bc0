/**
 * One scheduling cycle: the next pod, a snapshot, a choice, an assumption; then the binding, which the next cycle does not wait for. A
 * pod that got no node says so in its `PodScheduled` condition and an event, may have others make room, and goes back to the queue.
 */
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { bindPod } from './bind-pod.ts';
import { chooseNode } from './choose-node.ts';
import type { ClusterCache } from './cluster-cache.ts';
import { reportError, reportUnschedulable } from './failed-pod.ts';
import type { Nominations } from './nominations.ts';
import { preparePodCycle } from './pod-cycle.ts';
import { podInfoOf } from './pod-info.ts';
import type { Profile } from './profile.ts';
import type { QueuedPod, SchedulingQueue } from './scheduling-queue.ts';

/** Bindings and reports under way at once; beyond that choosing nodes faster than the server writes would only fill memory. */
const WRITES_MAX = 64;
/** Pods that have a node and wait for something else, such as their volumes: that may take minutes, and must not hold up the others. */
const WAITS_MAX = 5_000;

export interface CycleDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly queue: SchedulingQueue;
  readonly cache: ClusterCache;
  readonly nominations: Nominations;
  /** Of the pod's scheduler name; the queue holds only pods that have one. */
  readonly profileOf: (schedulerName: string | undefined) => Profile;
  /** Of the profile, under whose name it tells of its pods. */
  readonly eventsOf: (profile: Profile) => EventRecorder;
}

/** What cycles hand on to each other. */
export interface CycleState {
  /** The node to be asked first, so that all get their turn where not all are asked. */
  nextNode: number;
  /** Bindings and reports under way. */
  readonly writes: Set<Promise<void>>;
  /** Bindings that wait for more than the server's answer. */
  readonly waits: Set<Promise<void>>;
}

/** Schedules until aborted; resolves when the writes under way have ended. */
export async function runSchedulingCycles(deps: CycleDeps, signal: AbortSignal): Promise<void> {
  const state: CycleState = { nextNode: 0, writes: new Set(), waits: new Set() };
  try {
    while (!signal.aborted) await scheduleOne(deps, state, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all([...state.writes, ...state.waits]);
  }
}

export async function scheduleOne(deps: CycleDeps, state: CycleState, signal: AbortSignal): Promise<void> {
  const queued = await deps.queue.take(signal);
  decide(queued, deps, state, signal);
  // A full queue must not keep the process from reading and writing: deciding is all computation.
  await new Promise((resolve) => setImmediate(resolve));
  if (state.writes.size >= WRITES_MAX) await Promise.race(state.writes);
  if (state.waits.size >= WAITS_MAX) await Promise.race(state.waits);
}

/** Decides at once, and begins the writes which follow from it. A plugin that fails costs the pod this attempt, not the process. */
function decide({ pod }: QueuedPod, deps: CycleDeps, state: CycleState, signal: AbortSignal): void {
  const { cache, nominations, random } = deps;
  const profile = deps.profileOf(pod.spec.schedulerName);
  try {
    const snapshot = cache.snapshot();
    const cycle = preparePodCycle(podInfoOf(pod), profile, snapshot, nominations);
    const choice = chooseNode(cycle, state.nextNode, random);
    state.nextNode = snapshot.nodes.length === 0 ? 0 : (state.nextNode + choice.nodesAsked) % snapshot.nodes.length;
    if (choice.fits) {
      const mayWait = cycle.pointsOf('permit', 'permit').length > 0 || cycle.pointsOf('preBind', 'preBind').length > 0;
      keepTrack(mayWait ? state.waits : state.writes, bindPod(cycle, choice.nodeName, deps, signal));
    } else {
      keepTrack(state.writes, reportUnschedulable(cycle, choice.diagnosis, deps));
    }
  } catch (error) {
    deps.log.error({ err: error, pod: formatKey(keyOf(pod)) }, 'a scheduling cycle failed');
    keepTrack(state.writes, reportError(pod, profile, error instanceof Error ? error.message : String(error), deps));
  }
}

function keepTrack(underWay: Set<Promise<void>>, write: Promise<void>): void {
  const tracked = write.finally(() => underWay.delete(tracked));
  underWay.add(tracked);
}
