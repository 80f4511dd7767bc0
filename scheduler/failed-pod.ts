/**
 * What becomes of a pod that got no node: an event each time, its `PodScheduled` condition where that says something new, others that make room
 * for it if that is the way, and its place in the queue. None of these promises rejects.
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodCondition } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { askPostFilters } from './ask-post-filters.ts';
import type { Diagnosis } from './choose-node.ts';
import { failureMessage } from './failure-message.ts';
import type { Nomination, Rejection } from './plugin.ts';
import type { PodCycle } from './pod-cycle.ts';
import { evictVictims, withdrawNominations } from './preemption/evict-victims.ts';
import type { Profile } from './profile.ts';
import type { CycleDeps } from './schedule-one.ts';

/** No node would do. Decides at once whether others are to make room. */
export async function reportUnschedulable(cycle: PodCycle, diagnosis: Diagnosis, deps: CycleDeps): Promise<void> {
  const { pod, profile } = cycle;
  const outcome = askPostFilters(cycle, diagnosis);
  const { nomination } = outcome;
  if (nomination !== undefined) deps.nominations.set(pod, nomination.nodeName);
  else if (outcome.keepsNomination !== true) deps.nominations.remove(pod.uid);
  const nominatedNodeName = nomination?.nodeName ?? (outcome.keepsNomination === true ? undefined : '');
  const message = failureMessage(diagnosis, outcome.message);
  const report = writeReport(pod.pod, profile, { reason: 'Unschedulable', message, nominatedNodeName }, deps);
  const hasRoomComing = nomination === undefined || (await makeRoom(cycle, nomination, deps));
  if (hasRoomComing)
    deps.queue.retry(pod.uid, new Set([...diagnosis.rejectedBy, ...(nomination === undefined ? [] : ['DefaultPreemption'])]));
  else deps.queue.retryAfterError(pod.uid);
  await report;
}

/** A plugin refused after a node had been chosen. */
export async function reportRejected({ pod, profile, snapshot }: PodCycle, { verdict, by }: Rejection, deps: CycleDeps): Promise<void> {
  deps.queue.retry(pod.uid, new Set([by]));
  const message = failureMessage(
    { nodeCount: snapshot.nodes.length, preFilter: verdict, rejections: new Map(), rejectedBy: new Set([by]) },
    '',
  );
  await writeReport(pod.pod, profile, { reason: 'Unschedulable', message, nominatedNodeName: undefined }, deps);
}

/** Something went wrong that has nothing to do with nodes. */
export async function reportError(pod: Pod, profile: Profile, message: string, deps: CycleDeps): Promise<void> {
  deps.queue.retryAfterError(pod.metadata.uid);
  await writeReport(pod, profile, { reason: 'SchedulerError', message, nominatedNodeName: undefined }, deps);
}

/** Whether room is being made. The pod stays in flight until then, so that no event about the victims is missed. */
async function makeRoom({ pod, profile }: PodCycle, nomination: Nomination, deps: CycleDeps): Promise<boolean> {
  const { client, clock, queue, nominations, log } = deps;
  const { nodeName, victims } = nomination;
  const context = { pod: formatKey(keyOf(pod.pod)), node: nodeName, victims: victims.map((victim) => formatKey(keyOf(victim.pod))) };
  const displaced = nominations.onNode(nodeName).filter(({ priority }) => priority < pod.priority);
  for (const { uid } of displaced) nominations.remove(uid);
  log.info(context, 'preempting');
  try {
    await Promise.all([
      evictVictims(nomination, pod.pod, { client, clock, events: deps.eventsOf(profile) }),
      withdrawNominations(displaced, { client }),
    ]);
    return true;
  } catch (error) {
    log.warn({ ...context, err: error }, 'preemption failed');
    return false;
  } finally {
    for (const { uid } of displaced) queue.wakePod(uid);
  }
}

interface Report {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** Undefined: as it is; empty: none any more. */
  readonly nominatedNodeName: string | undefined;
}

async function writeReport(pod: Pod, profile: Profile, { reason, message, nominatedNodeName }: Report, deps: CycleDeps): Promise<void> {
  deps.eventsOf(profile).record(pod, 'Warning', 'FailedScheduling', message);
  const known = findCondition(pod.status?.conditions, 'PodScheduled');
  const isKnown = known?.status === 'False' && known.reason === reason && known.message === message;
  const isNominated = nominatedNodeName === undefined || nominatedNodeName === (pod.status?.nominatedNodeName ?? '');
  if (isKnown && isNominated) return;
  const lastTransitionTime = known?.status === 'False' ? known.lastTransitionTime : undefined;
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastTransitionTime: lastTransitionTime ?? formatTime(deps.clock.now()),
  };
  const nomination = isNominated ? {} : { nominatedNodeName: nominatedNodeName === '' ? null : nominatedNodeName };
  try {
    await deps.client.resource(pods).patch(keyOf(pod), 'strategic', { status: { conditions: [condition], ...nomination } }, 'status');
  } catch (error) {
    if (!isReason(error, 'NotFound')) deps.log.warn({ err: error, pod: formatKey(keyOf(pod)) }, 'cannot write why a pod is not scheduled');
  }
}
