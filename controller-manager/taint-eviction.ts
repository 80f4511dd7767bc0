/**
 * Evicts pods from nodes with NoExecute taints: at once when a pod does not tolerate one, after the shortest `tolerationSeconds` when it tolerates
 * all of them for a while. Times run from this process's own first sight of the taint, on its monotonic clock, so a restart or a jump of the
 * wall clock never evicts early. Upstream: pkg/controller/tainteviction.
 */
import { pods } from '#api/generated/resources.ts';
import type { Node, Pod, Taint, Toleration } from '#api/generated/types.ts';
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { type Action, remove, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, type Trigger } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { noteDisruption } from './disruption-target.ts';
import { createFirstSeen, type FirstSeen } from './first-seen.ts';
import { NODE, type SharedCaches } from './shared-caches.ts';

/** Pods evicted at once, as upstream's eight update workers. */
const WORKERS = 8;

export interface TaintEvictionSnapshot {
  readonly pod: Pod;
  /** The node's NoExecute taints, each with how long it has been seen. */
  readonly taints: readonly { readonly taint: Taint; readonly ageMs: number }[];
  /** It was to be evicted later. */
  readonly isWaiting: boolean;
  readonly nowMs: number;
}

interface Memory {
  readonly seen: FirstSeen;
  /** Pods that are to be evicted later. */
  readonly waiting: Set<string>;
}

export function taintEvictionController(caches: SharedCaches): ControllerDefinition<TaintEvictionSnapshot> {
  const memory: Memory = { seen: createFirstSeen(caches.clock), waiting: new Set() };
  return {
    name: 'taint-eviction',
    informers: [caches.pods, caches.nodes],
    triggers: [onChange(caches.pods), onTaintChange(caches, memory.seen)],
    snapshot: (key) => snapshotTaintEviction(key, caches, memory),
    reconcile: (snapshot) => {
      const actions = reconcileTaintEviction(snapshot);
      const id = formatKey(keyOf(snapshot.pod));
      if (actions.some(({ verb }) => verb === 'requeue')) memory.waiting.add(id);
      else memory.waiting.delete(id);
      return actions;
    },
    workers: WORKERS,
  };
}

function snapshotTaintEviction(key: ObjectKey, caches: SharedCaches, { seen, waiting }: Memory): TaintEvictionSnapshot | undefined {
  const pod = caches.pods.store.find(key);
  const node = caches.nodes.store.find({ namespace: '', name: pod?.spec.nodeName ?? '' });
  if (pod === undefined) {
    seen.forget(formatKey(key));
    waiting.delete(formatKey(key));
  }
  if (pod === undefined || node === undefined) return undefined;
  // A pod that came later has its own time.
  const podAgeMs = seen.ageMs(formatKey(key), `${pod.metadata.uid} ${node.metadata.uid}`);
  const taints = noExecuteTaints(node).map((taint) => ({
    taint,
    ageMs: Math.min(podAgeMs, seen.ageMs(subjectOf(node, taint), stateOf(taint))),
  }));
  return { pod, taints, isWaiting: waiting.has(formatKey(key)), nowMs: caches.clock.now() };
}

export function reconcileTaintEviction({ pod, taints, isWaiting, nowMs }: TaintEvictionSnapshot): readonly Action[] {
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (isOver || pod.metadata.deletionTimestamp !== undefined) return [];
  const waitMs = Math.min(...taints.map(({ taint, ageMs }) => toleratedMs(pod, taint) - ageMs));
  if (waitMs === Number.POSITIVE_INFINITY) return isWaiting ? [tell(pod, `Cancelling deletion of Pod ${formatKey(keyOf(pod))}`)] : [];
  return waitMs > 0 ? [{ verb: 'requeue', afterMs: waitMs }] : evict(pod, nowMs);
}

function evict(pod: Pod, nowMs: number): readonly Action[] {
  const why = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' };
  return [
    tell(pod, `Marking for deletion Pod ${formatKey(keyOf(pod))}`),
    updateStatus(pods, noteDisruption(pod, why, formatTime(nowMs))),
    remove(pods, pod),
  ];
}

function tell(pod: Pod, message: string): Action {
  return { verb: 'event', regarding: pod, type: 'Normal', reason: 'TaintManagerEviction', message };
}

/** Of several tolerations for one taint the shortest counts; without one it is not tolerated at all. */
export function toleratedMs(pod: Pod, taint: Taint): number {
  const matching = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
  if (matching.length === 0) return 0;
  return Math.min(...matching.map(({ tolerationSeconds }) => toMs(tolerationSeconds)));
}

function toMs(seconds: number | undefined): number {
  return seconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, seconds) * 1_000;
}

function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  return key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''));
}

/** Starts the count for taints that appeared, ends it for those that went, and wakes the pods of a node that has any. */
function onTaintChange(caches: SharedCaches, seen: FirstSeen): Trigger {
  return (enqueue) =>
    caches.nodes.onChange((change) => {
      const { object: node } = change;
      const before = change.type === 'updated' ? change.previous : node;
      const taints = change.type === 'deleted' ? [] : noExecuteTaints(node);
      const ids = new Set(taints.map((taint) => subjectOf(node, taint)));
      for (const taint of noExecuteTaints(before)) if (!ids.has(subjectOf(before, taint))) seen.forget(subjectOf(before, taint));
      for (const taint of taints) seen.ageMs(subjectOf(node, taint), stateOf(taint));
      if (taints.length === 0 && noExecuteTaints(before).length === 0) return;
      for (const pod of caches.pods.store.listByIndex(NODE, node.metadata.name)) enqueue(keyOf(pod));
    });
}

function noExecuteTaints({ spec }: Node): readonly Taint[] {
  return (spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

function subjectOf(node: Node, { key }: Taint): string {
  return `${node.metadata.uid} ${key}`;
}

/** A taint that was removed and added again is another taint. */
function stateOf({ value = '', timeAdded = '' }: Taint): string {
  return `${value} ${timeAdded}`;
}
