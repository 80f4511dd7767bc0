/**
 * Has the pods leave that must make room: each gets the `DisruptionTarget` condition and an event, and is deleted with its own grace period.
 * Pods of lower priority that had been promised the node are told to look elsewhere.
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodCondition } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Nomination } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { PREEMPTION_REASON } from './default-preemption.ts';

export interface EvictionDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/** Resolves when all deletions are under way. Throws what the server answers, but for pods that are gone already. */
export async function evictVictims({ nodeName, victims }: Nomination, preemptor: Pod, deps: EvictionDeps): Promise<void> {
  const staying = victims.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
  await Promise.all(staying.map(({ pod }) => evict(pod, preemptor, nodeName, deps)));
}

async function evict(victim: Pod, preemptor: Pod, nodeName: string, { client, clock, events }: EvictionDeps): Promise<void> {
  const known = findCondition(victim.status?.conditions, 'DisruptionTarget');
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: PREEMPTION_REASON,
    message: `${preemptor.spec.schedulerName ?? ''}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: known?.status === 'True' ? (known.lastTransitionTime ?? formatTime(clock.now())) : formatTime(clock.now()),
  };
  const resource = client.resource(pods);
  try {
    await resource.patch(
      keyOf(victim),
      'strategic',
      { metadata: { uid: victim.metadata.uid }, status: { conditions: [condition] } },
      'status',
    );
    await resource.delete(keyOf(victim), { preconditions: { uid: victim.metadata.uid } });
  } catch (error) {
    // Another pod of its name is none of ours.
    if (isReason(error, 'NotFound', 'Conflict')) return;
    throw error;
  }
  events.record(victim, 'Normal', 'Preempted', `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`);
}

/** They may not fit any more. */
export async function withdrawNominations(others: readonly PodInfo[], { client }: Pick<EvictionDeps, 'client'>): Promise<void> {
  const told = others.filter(({ pod }) => (pod.status?.nominatedNodeName ?? '') !== '');
  const withdraw = async ({ pod }: PodInfo): Promise<void> => {
    try {
      await client
        .resource(pods)
        .patch(keyOf(pod), 'merge', { metadata: { uid: pod.metadata.uid }, status: { nominatedNodeName: null } }, 'status');
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  };
  await Promise.all(told.map(withdraw));
}
