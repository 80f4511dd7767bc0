/**
 * One scheduling cycle: the next pod, a snapshot, a choice, an assumption; then the binding, which the next cycle does not wait for. A
 * pod that got no node says so in its `PodScheduled` condition and an event, and goes back to the queue.
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodCondition } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { chooseNode } from './choose-node.ts';
import type { ClusterCache } from './cluster-cache.ts';
import { failureMessage } from './failure-message.ts';
import type { ClusterEvent, SchedulerPlugin } from './plugin.ts';
import { podInfoOf } from './pod-info.ts';
import type { SchedulingQueue } from './scheduling-queue.ts';

/** Bindings and reports under way at once; beyond that choosing nodes faster than the server writes would only fill memory. */
const WRITES_MAX = 64;

const noEvents: ReadonlySet<ClusterEvent> = new Set();

export interface CycleDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly queue: SchedulingQueue;
  readonly cache: ClusterCache;
  readonly plugins: readonly SchedulerPlugin[];
}

/** What cycles hand on to each other. */
export interface CycleState {
  /** The node to be asked first, so that all get their turn where not all are asked. */
  nextNode: number;
  /** Bindings and reports under way. */
  readonly writes: Set<Promise<void>>;
}

/** Schedules until aborted; resolves when the writes under way have ended. */
export async function runSchedulingCycles(deps: CycleDeps, signal: AbortSignal): Promise<void> {
  const state: CycleState = { nextNode: 0, writes: new Set() };
  try {
    while (!signal.aborted) await scheduleOne(deps, state, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all(state.writes);
  }
}

export async function scheduleOne(deps: CycleDeps, state: CycleState, signal: AbortSignal): Promise<void> {
  const { pod } = await deps.queue.take(signal);
  keepTrack(state, decide(pod, deps, state));
  // A full queue must not keep the process from reading and writing: deciding is all computation.
  await new Promise((resolve) => setImmediate(resolve));
  if (state.writes.size >= WRITES_MAX) await Promise.race(state.writes);
}

/** Decides at once; the promise is that of the write which follows from it. A plugin that fails costs the pod this attempt, not the process. */
function decide(pod: Pod, deps: CycleDeps, state: CycleState): Promise<void> {
  try {
    const info = podInfoOf(pod);
    const nodes = deps.cache.snapshot();
    const choice = chooseNode(info, nodes, state.nextNode, deps);
    state.nextNode = nodes.length === 0 ? 0 : (state.nextNode + choice.nodesAsked) % nodes.length;
    if (choice.fits) {
      deps.cache.assume(info, choice.nodeName);
      return bind(pod, choice.nodeName, deps);
    }
    deps.queue.retry(pod.metadata.uid, choice.wakeOn);
    return reportFailure(pod, 'Unschedulable', failureMessage(nodes.length, choice.rejections), deps);
  } catch (error) {
    deps.log.error({ err: error, pod: formatKey(keyOf(pod)) }, 'a scheduling cycle failed');
    deps.queue.retry(pod.metadata.uid, noEvents);
    return reportFailure(pod, 'SchedulerError', messageOf(error), deps);
  }
}

function keepTrack({ writes }: CycleState, write: Promise<void>): void {
  const tracked = write.finally(() => writes.delete(tracked));
  writes.add(tracked);
}

/** Never rejects. The informer confirms a binding that went through; one that did not gives the room back. */
async function bind(pod: Pod, nodeName: string, deps: CycleDeps): Promise<void> {
  const { namespace = '', name, uid } = pod.metadata;
  const log = deps.log.child({ pod: formatKey(keyOf(pod)), node: nodeName });
  try {
    await deps.client.resource(pods).createSubresource(keyOf(pod), 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid },
      target: { kind: 'Node', name: nodeName },
    });
    deps.events.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`);
    log.info('bound');
  } catch (error) {
    deps.cache.forget(uid);
    deps.queue.wake('pod-left');
    if (isReason(error, 'NotFound')) return log.info('the pod is gone');
    log.warn({ err: error }, 'binding failed');
    deps.queue.retry(uid, noEvents);
    await reportFailure(pod, 'SchedulerError', `binding rejected: running Bind plugin "DefaultBinder": ${messageOf(error)}`, deps);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Never rejects. The condition is written only when it says something new; the event each time, and counted. */
async function reportFailure(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string, deps: CycleDeps): Promise<void> {
  deps.events.record(pod, 'Warning', 'FailedScheduling', message);
  const known = findCondition(pod.status?.conditions, 'PodScheduled');
  if (known?.status === 'False' && known.reason === reason && known.message === message) return;
  const lastTransitionTime = known?.status === 'False' ? known.lastTransitionTime : undefined;
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastTransitionTime: lastTransitionTime ?? formatTime(deps.clock.now()),
  };
  try {
    await deps.client.resource(pods).patch(keyOf(pod), 'strategic', { status: { conditions: [condition] } }, 'status');
  } catch (error) {
    if (!isReason(error, 'NotFound')) deps.log.warn({ err: error, pod: formatKey(keyOf(pod)) }, 'cannot write why a pod is not scheduled');
  }
}
