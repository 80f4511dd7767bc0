/**
 * What a StatefulSet does to its pods in one step, in this order: the replicas that should be there, from the first to the last; those beyond,
 * from the last to the first; then the update, from the last to the first. OrderedReady waits at the first pod that is not available yet; Parallel
 * goes on. Pure. Upstream: pkg/controller/statefulset/stateful_set_control.go.
 */
import { persistentvolumeclaims, pods } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { resolveShare } from '#api/meta/share.ts';
import { type Action, create, remove } from '#client/apply-actions.ts';
import { isAvailable, isOver } from '../pod-readiness.ts';
import { isStaleClaim, retainAsAsked } from './claim-retention.ts';
import {
  claimNames,
  missingIdentity,
  newClaims,
  newStatefulPod,
  ordinalOf,
  ordinalsOf,
  type PodVersion,
  podNameOf,
  revisionOf,
} from './identity.ts';

/** Pods and claims created, deleted or changed in one sync: a typo in `replicas` must not occupy the server for minutes. */
const ACTIONS_PER_SYNC_MAX = 500;

export interface Replicas {
  readonly set: StatefulSet;
  /** Its pods by ordinal. */
  readonly pods: readonly Pod[];
  /** By its name. */
  readonly findClaim: (name: string) => PersistentVolumeClaim | undefined;
  /** What all pods were made from before the update that is under way, and what they are to be made from. */
  readonly current: PodVersion;
  readonly update: PodVersion;
  readonly nowMs: number;
}

interface Step {
  readonly actions: readonly Action[];
  /** OrderedReady goes no further before this is done. */
  readonly blocks: boolean;
}

export function planReplicas(replicas: Replicas): readonly Action[] {
  const { start, end } = ordinalsOf(replicas.set);
  const byOrdinal = new Map(replicas.pods.map((pod) => [ordinalOf(pod), pod]));
  const wanted = Array.from({ length: end - start }, (_, index) => start + index);
  const leaving = replicas.pods.filter((pod) => ordinalOf(pod) < start || ordinalOf(pod) >= end);
  leaving.sort((left, right) => ordinalOf(right) - ordinalOf(left));
  const steps = [
    () => inOrder(replicas, wanted, (ordinal) => keepReplica(replicas, ordinal, byOrdinal.get(ordinal))),
    () => ({ actions: leaving.flatMap((pod) => retainClaims(replicas, pod, true)), blocks: false }),
    () => inOrder(replicas, leaving, (pod) => dismiss(replicas, pod, leaving)),
    () => ({
      actions: updatePods(
        replicas,
        wanted.map((ordinal) => byOrdinal.get(ordinal)),
      ),
      blocks: false,
    }),
  ];
  const actions: Action[] = [];
  for (const step of steps) {
    const done = step();
    actions.push(...done.actions);
    if (done.blocks) break;
  }
  return claimsFirst(actions);
}

function inOrder<T>({ set }: Replicas, items: readonly T[], stepFor: (item: T) => Step): Step {
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel';
  const actions: Action[] = [];
  for (const item of items) {
    const step = stepFor(item);
    actions.push(...step.actions);
    if ((isOrdered && step.blocks) || actions.length >= ACTIONS_PER_SYNC_MAX) return { actions, blocks: true };
  }
  return { actions, blocks: false };
}

function keepReplica(replicas: Replicas, ordinal: number, pod: Pod | undefined): Step {
  const { set } = replicas;
  if (pod === undefined) return { actions: createReplica(replicas, ordinal), blocks: true };
  if (isOver(pod))
    return { actions: pod.metadata.deletionTimestamp === undefined ? [tellOfEnd(set, pod), deletePod(set, pod)] : [], blocks: true };
  const claims = pod.status?.phase === 'Pending' ? createClaims(replicas, ordinal) : [];
  // The order is kept by waiting; in Parallel the pod's identity is looked after at once.
  if (set.spec.podManagementPolicy !== 'Parallel' && isUnavailable(replicas, pod)) return { actions: claims, blocks: true };
  return { actions: [...claims, ...restoreIdentity(set, pod), ...retainClaims(replicas, pod, false)], blocks: false };
}

function tellOfEnd(set: StatefulSet, pod: Pod): Action {
  const isFailed = pod.status?.phase === 'Failed';
  const what = `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating`;
  return {
    verb: 'event',
    regarding: set,
    type: isFailed ? 'Warning' : 'Normal',
    reason: isFailed ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod',
    message: `${what} ${isFailed ? 'failed' : 'terminated'} Pod ${pod.metadata.name}`,
  };
}

function createReplica(replicas: Replicas, ordinal: number): readonly Action[] {
  const { set, findClaim, current, update } = replicas;
  const name = podNameOf(set, ordinal);
  if (claimNames(set, ordinal).some((claim) => isStale(findClaim(claim), name))) return [];
  const pod = newStatefulPod(set, ordinal, isBelowPartition(set, ordinal) ? current : update);
  return [...createClaims(replicas, ordinal), create(pods, pod, announce(set, 'create', name))];
}

/** Those that the update has not reached keep being made from the template before it. */
function isBelowPartition(set: StatefulSet, ordinal: number): boolean {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return false;
  const kept = rollingUpdate === undefined ? (set.status?.currentReplicas ?? 0) : (rollingUpdate.partition ?? 0);
  return ordinal < ordinalsOf(set).start + kept;
}

/** One at a time, and only when those before it are well, unless it is itself the first that is not. */
function dismiss(replicas: Replicas, pod: Pod, leaving: readonly Pod[]): Step {
  const isOrdered = replicas.set.spec.podManagementPolicy !== 'Parallel';
  if (pod.metadata.deletionTimestamp !== undefined) return { actions: [], blocks: true };
  const firstUnavailable = leaving.findLast((other) => isUnavailable(replicas, other));
  if (isOrdered && isUnavailable(replicas, pod) && pod !== firstUnavailable) return { actions: [], blocks: true };
  return { actions: [deletePod(replicas.set, pod)], blocks: true };
}

/**
 * Deletes pods of an older template, the last first, as long as no more than `maxUnavailable` are unavailable: one, unless told otherwise.
 * A pod that is unavailable already costs nothing.
 */
function updatePods(replicas: Replicas, wanted: readonly (Pod | undefined)[]): readonly Action[] {
  const { type, rollingUpdate } = replicas.set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return [];
  const unavailableMax = Math.max(1, resolveShare(rollingUpdate?.maxUnavailable ?? 1, wanted.length, 'up'));
  const deletions: Action[] = [];
  let unavailable = wanted.filter((pod) => pod === undefined || isUnavailable(replicas, pod)).length;
  for (const pod of wanted.slice(rollingUpdate?.partition ?? 0).toReversed()) {
    const isOld = pod !== undefined && revisionOf(pod) !== replicas.update.revision && pod.metadata.deletionTimestamp === undefined;
    if (!isOld || isOver(pod)) continue;
    const isDown = isUnavailable(replicas, pod);
    if (!isDown && unavailable >= unavailableMax) continue;
    if (!isDown) unavailable += 1;
    deletions.push(deletePod(replicas.set, pod));
  }
  return deletions;
}

export function isUnavailable({ set, nowMs }: Pick<Replicas, 'set' | 'nowMs'>, pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined || !isRunningAndAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

/** Ready for so many seconds, and running: a pod that ended may still say it is ready. */
export function isRunningAndAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return pod.status?.phase === 'Running' && isAvailable(pod, minReadySeconds, nowMs);
}

function createClaims({ set, findClaim }: Replicas, ordinal: number): readonly Action[] {
  const podName = podNameOf(set, ordinal);
  return newClaims(set, ordinal)
    .filter(({ metadata }) => findClaim(metadata.name ?? '') === undefined)
    .map((claim) => {
      const { name } = claim.metadata;
      return create(persistentvolumeclaims, claim, {
        regarding: set,
        done: { reason: 'SuccessfulCreate', message: `create Claim ${name} Pod ${podName} in StatefulSet ${set.metadata.name} success` },
        failed: {
          reason: 'FailedCreate',
          message: `create Claim ${name} for Pod ${podName} in StatefulSet ${set.metadata.name} failed error: {error}`,
        },
      });
    });
}

function retainClaims({ set, findClaim }: Replicas, pod: Pod, isLeaving: boolean): readonly Action[] {
  const held = claimNames(set, ordinalOf(pod)).map(findClaim);
  return held.flatMap((claim) => (claim === undefined ? [] : retainAsAsked(set, pod, claim, isLeaving)));
}

function isStale(claim: PersistentVolumeClaim | undefined, podName: string): boolean {
  return claim !== undefined && isStaleClaim(claim, podName);
}

function restoreIdentity(set: StatefulSet, pod: Pod): readonly Action[] {
  const labels = missingIdentity(pod);
  if (labels === undefined) return [];
  const patch = { metadata: { uid: pod.metadata.uid, labels } };
  const message = `update Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`;
  return [
    { verb: 'patch', type: pods, key: keyOf(pod), patchType: 'merge', patch },
    { verb: 'event', regarding: set, type: 'Normal', reason: 'SuccessfulUpdate', message },
  ];
}

function deletePod(set: StatefulSet, pod: Pod): Action {
  return remove(pods, pod, announce(set, 'delete', pod.metadata.name));
}

function announce(set: StatefulSet, verb: 'create' | 'delete', podName: string) {
  const what = `${verb} Pod ${podName} in StatefulSet ${set.metadata.name}`;
  const suffix = verb === 'create' ? 'Create' : 'Delete';
  return {
    regarding: set,
    done: { reason: `Successful${suffix}`, message: `${what} successful` },
    failed: { reason: `Failed${suffix}`, message: `${what} failed error: {error}` },
  };
}

/** Pods that may start together are made together, which they are when nothing stands between them. */
function claimsFirst(actions: readonly Action[]): readonly Action[] {
  const isClaim = (action: Action) => action.verb === 'create' && action.type.plural === persistentvolumeclaims.plural;
  return [...actions.filter(isClaim), ...actions.filter((action) => !isClaim(action))];
}
