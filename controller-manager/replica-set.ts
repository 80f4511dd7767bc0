/**
 * The ReplicaSet controller: keeps as many pods with its template alive as it is asked for, adopts matching pods that nobody controls, and
 * counts. Pods that ended or are being deleted do not count. It is woken by its own changes and those of pods; a sync is held back until the
 * caches show the last sync's writes, else it would make the same pods twice. Upstream: pkg/controller/replicaset.
 */
import { isDeepStrictEqual } from 'node:util';
import { pods, replicasets } from '#api/generated/resources.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ActionFailure, type ControllerDefinition, onChange, onOwnedChange } from '#client/controller.ts';
import { randomSuffix } from '#component/random.ts';
import { claimObjects, isAdoptable, onOrphanChange } from './claim-objects.ts';
import { createPod, deletePod, generatedName, podFromTemplate } from './pod-from-template.ts';
import { availabilityCheckAfterMs, isActive } from './pod-readiness.ts';
import { orderForDeletion } from './replica-set/deletion-order.ts';
import { summarizePods } from './replica-set/replica-set-status.ts';
import { CONTROLLER, controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';

/** Pods created or deleted in one sync, upstream's burst: a typo in `replicas` must not occupy the server for minutes. */
const PODS_PER_SYNC_MAX = 500;
/** ReplicaSets synced at once, as upstream's --concurrent-replicaset-syncs. */
const WORKERS = 5;

export interface ReplicaSetSnapshot {
  readonly replicaSet: ReplicaSet;
  /** Pods it controls, and those without a controller in its namespace. */
  readonly candidates: readonly Pod[];
  /** Active pods of all ReplicaSets of the same owner: of these, nodes that have many lose theirs first. */
  readonly siblings: readonly Pod[];
  readonly mayAdopt: boolean;
  /** The server refuses new pods in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  readonly nowMs: number;
  /** Makes the end of a pod's name. */
  readonly suffix: () => string;
  /** What went wrong in the previous sync. */
  readonly failure: { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string } | undefined;
}

export function replicaSetController(caches: SharedCaches): ControllerDefinition<ReplicaSetSnapshot> {
  return {
    name: 'replicaset',
    informers: [caches.replicaSets, caches.pods, caches.namespaces],
    triggers: [onChange(caches.replicaSets), onOwnedChange(caches.pods, 'ReplicaSet'), onOrphanChange(caches.pods, caches.replicaSets)],
    snapshot: (key, lastFailure) => snapshotReplicaSet(key, lastFailure, caches),
    reconcile: reconcileReplicaSet,
    workers: WORKERS,
  };
}

export async function snapshotReplicaSet(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
): Promise<ReplicaSetSnapshot | undefined> {
  const replicaSet = caches.replicaSets.store.find(key);
  if (replicaSet === undefined) return undefined;
  const candidates = controlledBy(caches.pods, replicaSet);
  const matches = compileLabelSelector(replicaSet.spec.selector);
  const hasOrphans = candidates.some((pod) => isActive(pod) && isAdoptable(replicaSet, pod, matches));
  return {
    replicaSet,
    candidates,
    siblings: siblingPods(replicaSet, caches),
    mayAdopt: hasOrphans && (await isStillThere(caches.client, replicasets, replicaSet)),
    mayCreate: !isNamespaceGoing(caches, replicaSet),
    nowMs: caches.clock.now(),
    suffix: () => randomSuffix(caches.random),
    failure: describeFailure(lastFailure),
  };
}

export function reconcileReplicaSet(snapshot: ReplicaSetSnapshot): readonly Action[] {
  const { replicaSet } = snapshot;
  const { changes, status, later } = planReplicas(snapshot, replicasets);
  return [...changes, ...(status === undefined ? [] : [updateStatus(replicasets, { ...replicaSet, status })]), ...later];
}

export interface ReplicaPlan {
  readonly changes: readonly Action[];
  /** Undefined while there is nothing new to say. */
  readonly status: ReplicaSetStatus | undefined;
  readonly later: readonly Action[];
}

/** What to do about the pods of a ReplicaSet, or of what can be looked at as one. */
export function planReplicas(snapshot: ReplicaSetSnapshot, ownerType: ResourceType<ApiObject>): ReplicaPlan {
  const { replicaSet, candidates, mayAdopt, nowMs } = snapshot;
  const { selector, minReadySeconds = 0 } = replicaSet.spec;
  const living = candidates.filter((pod) => isActive(pod) || controllerOf(pod)?.uid === replicaSet.metadata.uid);
  const { claimed, actions } = claimObjects({ owner: replicaSet, ownerType, selector, type: pods, candidates: living, mayAdopt });
  // What was adopted or released shows in the caches first; counting it now would make or delete a pod too many.
  if (actions.length > 0) return { changes: actions, status: undefined, later: [] };
  const active = claimed.filter(isActive);
  const changes = replicaSet.metadata.deletionTimestamp === undefined ? scale(snapshot, active, ownerType) : [];
  const status = summarizePods(replicaSet, claimed, { nowMs, failure: standingFailure(snapshot, changes) });
  const afterMs = availabilityCheckAfterMs(active, minReadySeconds, nowMs);
  return {
    changes,
    status: isDeepStrictEqual(replicaSet.status ?? {}, status) ? undefined : status,
    later: afterMs === undefined ? [] : [{ verb: 'requeue', afterMs }],
  };
}

/** What failed is only worth telling while it is still wanted. */
function standingFailure({ failure }: ReplicaSetSnapshot, changes: readonly Action[]): ReplicaSetSnapshot['failure'] {
  const verb = failure?.reason === 'FailedCreate' ? 'create' : 'delete';
  return changes.some((change) => change.verb === verb) ? failure : undefined;
}

function scale(snapshot: ReplicaSetSnapshot, active: readonly Pod[], ownerType: ResourceType<ApiObject>): readonly Action[] {
  const { replicaSet, siblings, nowMs } = snapshot;
  const missing = (replicaSet.spec.replicas ?? 1) - active.length;
  if (missing > 0) {
    if (!snapshot.mayCreate) return [];
    const makeOne = () => createPod(replicaSet, newPod(replicaSet, ownerType, snapshot.suffix()));
    return Array.from({ length: Math.min(missing, PODS_PER_SYNC_MAX) }, makeOne);
  }
  const surplus = Math.min(-missing, PODS_PER_SYNC_MAX);
  return surplus === 0
    ? []
    : orderForDeletion(active, siblings, nowMs)
        .slice(0, surplus)
        .map((pod) => deletePod(replicaSet, pod));
}

function newPod(replicaSet: ReplicaSet, ownerType: ResourceType<ApiObject>, suffix: string): Draft<Pod> {
  const generateName = `${replicaSet.metadata.name}-`;
  const { template } = replicaSet.spec;
  return podFromTemplate({ owner: replicaSet, ownerType, template, name: generatedName(generateName, suffix), generateName });
}

function siblingPods(replicaSet: ReplicaSet, caches: SharedCaches): readonly Pod[] {
  const owner = controllerOf(replicaSet);
  const siblings = owner === undefined ? [replicaSet] : caches.replicaSets.store.listByIndex(CONTROLLER, owner.uid);
  return siblings.flatMap(({ metadata }) => caches.pods.store.listByIndex(CONTROLLER, metadata.uid)).filter(isActive);
}

/** As a condition tells it. */
export function describeFailure(failure: ActionFailure | undefined): ReplicaSetSnapshot['failure'] {
  if (failure?.action.verb === 'create') return { reason: 'FailedCreate', message: failure.message };
  return failure?.action.verb === 'delete' ? { reason: 'FailedDelete', message: failure.message } : undefined;
}
