/**
 * A Deployment's status from its ReplicaSets': counts, whether enough pods are available, and whether the rollout moves, is done or is
 * stuck. `kubectl rollout status` decides by these fields and reasons. Upstream: pkg/controller/deployment/sync.go and progress.go.
 */
import type { Deployment, DeploymentStatus } from '#api/generated/types.ts';
import { findCondition, withoutCondition } from '#api/meta/condition.ts';
import { type Conditions, renewCondition, setCondition } from './conditions.ts';
import { REVISION_HISTORY, revisionOf } from './deployment-annotations.ts';
import { maxUnavailable } from './fence-posts.ts';
import { allReplicaSets, type Rollout, replicasOf, totalInStatus, totalReplicas } from './rollout.ts';

/** Upstream's way to say "no deadline". */
const NO_DEADLINE_SECONDS = 2 ** 31 - 1;

export interface StatusInput {
  readonly rollout: Rollout;
  readonly nowMs: number;
  /** Pods that a ReplicaSet about to be created will ask for. */
  readonly replicasInCreation: number;
  /** Why the ReplicaSet could not be created in the previous sync. */
  readonly createFailure: string | undefined;
}

/** Counts and the Available condition; enough for a paused, scaling or dying Deployment. */
export function summarizeRollout(input: StatusInput): DeploymentStatus {
  const { rollout, nowMs, replicasInCreation } = input;
  const { deployment, current } = rollout;
  const all = allReplicaSets(rollout);
  const available = totalInStatus(all, 'availableReplicas');
  const { collisionCount, conditions = [] } = deployment.status ?? {};
  return {
    ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
    ...withoutZeros({
      replicas: totalInStatus(all, 'replicas'),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: totalInStatus(all, 'readyReplicas'),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, totalReplicas(all) + replicasInCreation - available),
      terminatingReplicas: totalInStatus(all, 'terminatingReplicas'),
    }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: setAvailability(conditions, deployment, available, nowMs),
  };
}

/** `summarizeRollout` with the Progressing and ReplicaFailure conditions of a rollout. */
export function describeRollout(input: StatusInput): DeploymentStatus {
  const summary = summarizeRollout(input);
  const progressing = judgeProgress(noteNewReplicaSet(summary.conditions ?? [], input), summary, input);
  return { ...summary, conditions: copyReplicaFailure(progressing, input) };
}

/** The Progressing condition of a Deployment that was paused or goes on again. */
export function notePause(deployment: Deployment, conditions: Conditions, nowMs: number): Conditions {
  const current = findCondition(conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return conditions;
  const isNoted = current?.reason === 'DeploymentPaused';
  const isPaused = deployment.spec.paused === true;
  if (isPaused === isNoted) return conditions;
  const condition = isPaused
    ? { reason: 'DeploymentPaused', message: 'Deployment is paused' }
    : { reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  return setCondition(conditions, { type: 'Progressing', status: 'Unknown', ...condition }, nowMs);
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** When to look again whether the deadline has passed; undefined when nothing is pending. */
export function deadlineCheckAfterMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const condition = findCondition(status.conditions ?? [], 'Progressing');
  if (!hasProgressDeadline(deployment) || condition === undefined || deployment.spec.paused === true) return undefined;
  if (isComplete(deployment, status) || isSettled(condition.reason)) return undefined;
  return Math.max(0, deadlineMs(deployment, condition.lastUpdateTime) - nowMs) + 1_000;
}

function setAvailability(conditions: Conditions, deployment: Deployment, available: number, nowMs: number): Conditions {
  const isEnough = available >= replicasOf(deployment) - maxUnavailable(deployment);
  return setCondition(
    conditions,
    isEnough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    nowMs,
  );
}

/** Said once, in the sync that first sees the ReplicaSet: the Deployment does not carry its revision yet. */
function noteNewReplicaSet(conditions: Conditions, { rollout, nowMs, createFailure }: StatusInput): Conditions {
  const { deployment, current } = rollout;
  if (!hasProgressDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  if (current === undefined) {
    if (createFailure === undefined) return conditions;
    return setCondition(
      conditions,
      { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message: createFailure },
      nowMs,
    );
  }
  const isRollback = current.metadata.annotations?.[REVISION_HISTORY] !== undefined;
  const isFirstSight = revisionOf(deployment) !== revisionOf(current);
  const name = current.metadata.name;
  if (isFirstSight && !isRollback) {
    const message = `Created new replica set "${name}"`;
    return setCondition(conditions, { type: 'Progressing', status: 'True', reason: 'NewReplicaSetCreated', message }, nowMs);
  }
  if (findCondition(conditions, 'Progressing') !== undefined) return conditions;
  const message = `Found new replica set "${name}"`;
  return setCondition(conditions, { type: 'Progressing', status: 'True', reason: 'FoundNewReplicaSet', message }, nowMs);
}

function judgeProgress(conditions: Conditions, status: DeploymentStatus, { rollout, nowMs }: StatusInput): Conditions {
  const { deployment, current } = rollout;
  const condition = findCondition(conditions, 'Progressing');
  if (!hasProgressDeadline(deployment)) return conditions;
  if ((status.replicas ?? 0) === (status.updatedReplicas ?? 0) && condition?.reason === 'NewReplicaSetAvailable') return conditions;
  const subject = current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return setCondition(conditions, { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message }, nowMs);
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const message = `${subject} is progressing.`;
    return renewCondition(conditions, { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message }, nowMs);
  }
  if (condition === undefined || isSettled(condition.reason) || nowMs <= deadlineMs(deployment, condition.lastUpdateTime))
    return conditions;
  const message = `${subject} has timed out progressing.`;
  return setCondition(conditions, { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message }, nowMs);
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const oldPods = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldPods(after) < oldPods(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** The current ReplicaSet's failure counts; an old one's only when there is no current one's. */
function copyReplicaFailure(conditions: Conditions, { rollout, nowMs }: StatusInput): Conditions {
  const { current, old } = rollout;
  const failure = [...(current ? [current] : []), ...old]
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  const { reason = '', message = '' } = failure;
  return setCondition(conditions, { type: 'ReplicaFailure', status: 'True', reason, message }, nowMs);
}

function isSettled(reason: string | undefined): boolean {
  return reason === 'NewReplicaSetAvailable' || reason === 'ProgressDeadlineExceeded';
}

function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE_SECONDS;
}

function deadlineMs({ spec }: Deployment, lastUpdateTime: string | undefined): number {
  return Date.parse(lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 0) * 1_000;
}

/** Zero counts are left out, as everywhere in the API. */
function withoutZeros(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}
