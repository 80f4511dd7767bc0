/** What changes of nodes and pods mean for the cache, the queue and the nominations. */
import type { Node, Pod } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { Change } from '#client/informer.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { Nominations } from './nominations.ts';
import type { SchedulingQueue } from './scheduling-queue.ts';

export interface NodeFollower {
  readonly cache: ClusterCache;
  readonly queue: SchedulingQueue;
}

export interface PodFollower extends NodeFollower {
  readonly nominations: Nominations;
  /** Whether a profile is there for the pod. */
  readonly isOurs: (pod: Pod) => boolean;
}

export function followNode(change: Change<Node>, { cache, queue }: NodeFollower): void {
  const node = change.object;
  switch (change.type) {
    case 'deleted':
      cache.removeNode(node.metadata.name);
      queue.wake({ name: 'node-removed', node });
      break;
    case 'added':
      cache.setNode(node);
      queue.wake({ name: 'node-added', node });
      break;
    case 'updated':
      // Heartbeats come all the time and matter to no plugin.
      if (!hasNodeChanged(change.previous, node)) break;
      cache.setNode(node);
      queue.wake({ name: 'node-changed', node, previous: change.previous });
  }
}

function hasNodeChanged(previous: Node, current: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node) => [
    metadata.labels ?? {},
    spec ?? {},
    status?.allocatable ?? {},
    status?.images ?? [],
  ];
  return !jsonEquals(relevant(previous), relevant(current));
}

export function followPod(change: Change<Pod>, follower: PodFollower): void {
  const { cache, queue, nominations, isOurs } = follower;
  const pod = change.object;
  const { uid } = pod.metadata;
  if (change.type !== 'deleted' && isBound(pod)) {
    followBoundPod(change, follower);
  } else if (change.type !== 'deleted' && isOurs(pod) && pod.metadata.deletionTimestamp === undefined) {
    // Ours to schedule, and not on its way out.
    nominations.follow(pod, change.type === 'updated' ? change.previous : undefined);
    queue.add(pod);
  } else {
    queue.remove(uid);
    nominations.remove(uid);
    cache.removePod(uid);
    if (isBound(pod)) queue.wake({ name: 'pod-left', pod });
  }
}

function followBoundPod(change: Exclude<Change<Pod>, { type: 'deleted' }>, { cache, queue, nominations }: PodFollower): void {
  const pod = change.object;
  const previous = change.type === 'updated' && isBound(change.previous) ? change.previous : undefined;
  if (previous === undefined) {
    queue.remove(pod.metadata.uid);
    nominations.remove(pod.metadata.uid);
    cache.setPod(pod);
    queue.wake({ name: 'pod-placed', pod });
  } else if (isRelevantChange(previous, pod)) {
    cache.setPod(pod);
    queue.wake({ name: 'pod-changed', pod, previous });
  } else if (previous.status?.startTime !== pod.status?.startTime) {
    // Of victims of equal priority the one that has been running longer may stay.
    cache.setPod(pod);
  }
}

function isBound({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== '';
}

/** What plugins look at; a status, above all the one we write ourselves, is not among it. */
export function isRelevantChange(previous: Pod, current: Pod): boolean {
  const relevant = ({ metadata, spec }: Pod) => [metadata.labels ?? {}, spec, metadata.deletionTimestamp ?? ''];
  return !jsonEquals(relevant(previous), relevant(current));
}
