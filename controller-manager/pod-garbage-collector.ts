/**
 * Removes pods that no kubelet will ever remove: those bound to a node that is gone or was declared out of service, those deleted before they got a node, and the
 * oldest finished ones when there are too many. A node counts as gone only after a while and when the server says so itself: a cache that has
 * not seen a new node yet must not cost its pods. Upstream: pkg/controller/podgc.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import type { Client } from '#client/client.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { noteDisruption } from './disruption-target.ts';
import { createFirstSeen, type FirstSeen } from './first-seen.ts';
import { FINISHED, NODE, type SharedCaches } from './shared-caches.ts';

/** A node that was deleted may be registering again. */
const NODE_GONE_MS_MIN = 40_000;
const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service';
/** Upstream's --terminated-pod-gc-threshold. */
const FINISHED_PODS_MAX = 12_500;

export interface PodGarbageSnapshot {
  readonly pod: Pod;
  /** How long its node has been gone; undefined when it has none or the node exists. */
  readonly nodeGoneMs: number | undefined;
  /** Somebody has said of its failed node that it will not come back as it was. */
  readonly isOutOfService: boolean;
  /** All finished pods, when there are too many. */
  readonly finished: readonly Pod[];
  readonly nowMs: number;
}

export function podGarbageController(caches: SharedCaches): ControllerDefinition<PodGarbageSnapshot> {
  const gone = createFirstSeen(caches.clock);
  return {
    name: 'pod-garbage-collector',
    informers: [caches.pods, caches.nodes],
    triggers: [
      onChange(caches.pods),
      onRelatedChange(caches.nodes, (node) => {
        const isUsable = caches.nodes.store.find(keyOf(node)) !== undefined && !isOutOfService(node);
        return isUsable ? [] : caches.pods.store.listByIndex(NODE, node.metadata.name).map(keyOf);
      }),
    ],
    snapshot: (key) => snapshotPodGarbage(key, caches, gone),
    reconcile: reconcilePodGarbage,
  };
}

export async function snapshotPodGarbage(key: ObjectKey, caches: SharedCaches, gone: FirstSeen): Promise<PodGarbageSnapshot | undefined> {
  const pod = caches.pods.store.find(key);
  if (pod === undefined) return undefined;
  const finished = isFinished(pod) ? caches.pods.store.listByIndex(FINISHED, 'true') : [];
  return {
    pod,
    nodeGoneMs: await nodeGoneMs(pod.spec.nodeName ?? '', caches, gone),
    isOutOfService: isOutOfService(caches.nodes.store.find({ namespace: '', name: pod.spec.nodeName ?? '' })),
    finished: finished.length > FINISHED_PODS_MAX ? finished : [],
    nowMs: caches.clock.now(),
  };
}

export function reconcilePodGarbage({ pod, nodeGoneMs, isOutOfService, finished, nowMs }: PodGarbageSnapshot): readonly Action[] {
  if (finished.length > FINISHED_PODS_MAX) {
    return finished
      .toSorted(evictedThenOldest)
      .slice(0, finished.length - FINISHED_PODS_MAX)
      .map(removeNow);
  }
  if (nodeGoneMs !== undefined) {
    if (nodeGoneMs < NODE_GONE_MS_MIN) return [{ verb: 'requeue', afterMs: NODE_GONE_MS_MIN - nodeGoneMs }];
    return failAndRemove(noteDisruption(pod, { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }, formatTime(nowMs)));
  }
  const isUnscheduled = (pod.spec.nodeName ?? '') === '';
  return pod.metadata.deletionTimestamp !== undefined && (isUnscheduled || isOutOfService) ? failAndRemove(pod) : [];
}

/** Nobody is left to report how the pod ended, so it is written down here. */
function failAndRemove(pod: Pod): readonly Action[] {
  const failed = updateStatus(pods, { ...pod, status: { ...pod.status, phase: 'Failed' } });
  return [...(isFinished(pod) ? [] : [failed]), removeNow(pod)];
}

/** What was evicted tells least. */
function evictedThenOldest(left: Pod, right: Pod): number {
  const [isLeftEvicted, isRightEvicted] = [isEvicted(left), isEvicted(right)];
  if (isLeftEvicted !== isRightEvicted) return isLeftEvicted ? -1 : 1;
  const [a, b] = [left.metadata, right.metadata];
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function isEvicted({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === 'Evicted';
}

function isOutOfService(node: Node | undefined): boolean {
  if (node === undefined || isConditionTrue(node.status?.conditions, 'Ready')) return false;
  return node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE_TAINT) === true;
}

function removeNow(pod: Pod): Action {
  return { verb: 'delete', type: pods, key: keyOf(pod), uid: pod.metadata.uid, gracePeriodSeconds: 0 };
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

async function nodeGoneMs(name: string, caches: SharedCaches, gone: FirstSeen): Promise<number | undefined> {
  if (name === '' || caches.nodes.store.find({ namespace: '', name }) !== undefined) {
    gone.forget(name);
    return undefined;
  }
  const ageMs = gone.ageMs(name, 'gone');
  return ageMs >= NODE_GONE_MS_MIN && (await nodeExists(name, caches.client)) ? undefined : ageMs;
}

async function nodeExists(name: string, client: Client): Promise<boolean> {
  try {
    await client.resource(nodes).get({ namespace: '', name });
    return true;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}
