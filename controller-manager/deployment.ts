/**
 * The Deployment controller: turns a change of the pod template into a new ReplicaSet and moves pods over to it step by step, spreads a
 * change of size, keeps the history that `kubectl rollout undo` goes back to, and reports progress. It touches ReplicaSets only, never Pods.
 * One sync takes one step; the ReplicaSets' status changes wake the next. Upstream: pkg/controller/deployment.
 */
import { isDeepStrictEqual } from 'node:util';
import { deployments, replicasets } from '#api/generated/resources.ts';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { type Action, remove, updateStatus } from '#client/apply-actions.ts';
import { type ActionFailure, type ControllerDefinition, onChange, onOwnedChange, onRelatedChange } from '#client/controller.ts';
import { claimObjects, isAdoptable, onOrphanChange } from './claim-objects.ts';
import { byRevision, REVISION, revisionOf } from './deployment/deployment-annotations.ts';
import { deadlineCheckAfterMs, describeRollout, isComplete, notePause, summarizeRollout } from './deployment/deployment-status.ts';
import { isRollingUpdate } from './deployment/fence-posts.ts';
import { currentReplicas, growCurrent, hasOldPodsRunning, removeOld, rollForward } from './deployment/roll.ts';
import { rollBack, rollbackTarget } from './deployment/rollback.ts';
import {
  activeReplicaSets,
  createReplicaSet,
  draftReplicaSet,
  observeRollout,
  type Rollout,
  replicaSetName,
  replicasOf,
  rolloutActions,
} from './deployment/rollout.ts';
import { isScalingEvent, scaleRollout } from './deployment/scale.ts';
import { isSameTemplate } from './pod-template.ts';
import { CONTROLLER, controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';

/** Deployments synced at once, as upstream's --concurrent-deployment-syncs. */
const WORKERS = 5;

export interface DeploymentSnapshot {
  readonly deployment: Deployment;
  /** ReplicaSets it controls, and those without a controller in its namespace. */
  readonly candidates: readonly ReplicaSet[];
  /** What already bears the name that the current template's ReplicaSet gets. */
  readonly namesake: ReplicaSet | undefined;
  /** Pods of its ReplicaSets, terminating ones included; only looked at by Recreate. */
  readonly pods: readonly Pod[];
  readonly mayAdopt: boolean;
  /** The server refuses a new ReplicaSet in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  readonly nowMs: number;
  readonly createFailure: string | undefined;
}

export function deploymentController(caches: SharedCaches): ControllerDefinition<DeploymentSnapshot> {
  return {
    name: 'deployment',
    informers: [caches.deployments, caches.replicaSets, caches.pods, caches.namespaces],
    triggers: [
      onChange(caches.deployments),
      onOwnedChange(caches.replicaSets, 'Deployment'),
      onOrphanChange(caches.replicaSets, caches.deployments),
      onRelatedChange(caches.pods, (pod) => recreatingOwners(caches, pod)),
    ],
    snapshot: (key, lastFailure) => snapshotDeployment(key, lastFailure, caches),
    reconcile: reconcileDeployment,
    workers: WORKERS,
  };
}

export async function snapshotDeployment(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
): Promise<DeploymentSnapshot | undefined> {
  const deployment = caches.deployments.store.find(key);
  if (deployment === undefined) return undefined;
  const candidates = controlledBy(caches.replicaSets, deployment);
  const matches = compileLabelSelector(deployment.spec.selector);
  const hasOrphans = candidates.some((replicaSet) => isAdoptable(deployment, replicaSet, matches));
  const failedCreate = lastFailure?.action.verb === 'create' ? lastFailure.message : undefined;
  return {
    deployment,
    candidates,
    namesake: caches.replicaSets.store.find({ ...key, name: replicaSetName(deployment) }),
    pods: candidates
      .filter((replicaSet) => controllerOf(replicaSet) !== undefined)
      .flatMap((replicaSet) => caches.pods.store.listByIndex(CONTROLLER, replicaSet.metadata.uid)),
    mayAdopt: hasOrphans && (await isStillThere(caches.client, deployments, deployment)),
    mayCreate: !isNamespaceGoing(caches, deployment),
    nowMs: caches.clock.now(),
    createFailure: failedCreate && `Failed to create new replica set "${replicaSetName(deployment)}": ${failedCreate}`,
  };
}

export function reconcileDeployment(snapshot: DeploymentSnapshot): readonly Action[] {
  const { deployment, candidates, mayAdopt } = snapshot;
  if (selectsEverything(deployment)) return refuseToSelectAll(deployment);
  const { selector } = deployment.spec;
  const { claimed, actions } = claimObjects({
    owner: deployment,
    ownerType: deployments,
    selector,
    type: replicasets,
    candidates,
    mayAdopt,
  });
  // What was adopted or released has a new version, which the next sync works with.
  if (actions.length > 0) return actions;
  const observed = observeRollout(deployment, claimed);
  if (deployment.metadata.deletionTimestamp !== undefined) return statusActions(snapshot, summarize(snapshot, observed));
  if (deployment.spec.paused === true) return scale(snapshot, observed, claimed);
  const target = rollbackTarget(deployment);
  if (target !== undefined) return rollBack(observed, target);
  if (isScalingEvent(observed)) return scale(snapshot, observed, claimed);
  return isRollingUpdate(deployment) ? roll(snapshot, observed, claimed) : recreate(snapshot, observed, claimed);
}

function scale(snapshot: DeploymentSnapshot, observed: Rollout, claimed: readonly ReplicaSet[]): readonly Action[] {
  const scaled = scaleRollout(observed);
  const cleanup = snapshot.deployment.spec.paused === true ? removeHistory(scaled) : [];
  return [...rolloutActions(scaled, claimed), ...cleanup, ...statusActions(snapshot, summarize(snapshot, scaled), scaled)];
}

function roll(snapshot: DeploymentSnapshot, observed: Rollout, claimed: readonly ReplicaSet[]): readonly Action[] {
  if (observed.current === undefined) return introduce(snapshot, observed, claimed, currentReplicas(observed));
  return conclude(snapshot, rollForward(observed, observed.current), claimed);
}

function recreate(snapshot: DeploymentSnapshot, observed: Rollout, claimed: readonly ReplicaSet[]): readonly Action[] {
  if (activeReplicaSets(observed.old).length > 0) return conclude(snapshot, removeOld(observed), claimed);
  if (hasOldPodsRunning(observed, snapshot.pods)) return conclude(snapshot, observed, claimed);
  if (observed.current === undefined) return introduce(snapshot, observed, claimed, replicasOf(snapshot.deployment));
  return conclude(snapshot, growCurrent(observed, observed.current), claimed);
}

/** Creates the current template's ReplicaSet, or makes room for another name when its name is taken. */
function introduce(snapshot: DeploymentSnapshot, rollout: Rollout, claimed: readonly ReplicaSet[], replicas: number): readonly Action[] {
  const { deployment, namesake, mayCreate } = snapshot;
  if (!mayCreate) return conclude(snapshot, rollout, claimed);
  if (namesake !== undefined && !isOurs(deployment, namesake)) {
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    return [updateStatus(deployments, { ...deployment, status: { ...deployment.status, collisionCount } })];
  }
  const draft = draftReplicaSet(rollout, replicas);
  const status = describeRollout({ ...snapshot, rollout, replicasInCreation: replicas });
  return [
    createReplicaSet(deployment, draft),
    ...rolloutActions(rollout, claimed),
    ...statusActions(snapshot, pauseNoted(snapshot, status)),
  ];
}

function conclude(snapshot: DeploymentSnapshot, rollout: Rollout, claimed: readonly ReplicaSet[]): readonly Action[] {
  const { deployment, nowMs } = snapshot;
  const status = pauseNoted(snapshot, describeRollout({ ...snapshot, rollout, replicasInCreation: 0 }));
  const cleanup = isComplete(deployment, deployment.status ?? {}) ? removeHistory(rollout) : [];
  const afterMs = deadlineCheckAfterMs(deployment, status, nowMs);
  const again: readonly Action[] = afterMs === undefined ? [] : [{ verb: 'requeue', afterMs }];
  return [...rolloutActions(rollout, claimed), ...cleanup, ...statusActions(snapshot, status, rollout), ...again];
}

function summarize(snapshot: DeploymentSnapshot, rollout: Rollout): DeploymentStatus {
  return pauseNoted(snapshot, summarizeRollout({ ...snapshot, rollout, replicasInCreation: 0 }));
}

function pauseNoted({ deployment, nowMs }: DeploymentSnapshot, status: DeploymentStatus): DeploymentStatus {
  return { ...status, conditions: notePause(deployment, status.conditions ?? [], nowMs) };
}

/** The status and the revision if they changed, in one write: an annotation that comes with the status is no new generation. */
function statusActions({ deployment }: DeploymentSnapshot, status: DeploymentStatus, rollout?: Rollout): readonly Action[] {
  const revision = rollout?.current === undefined ? 0n : revisionOf(rollout.current);
  const isNewRevision = revision !== 0n && revision !== revisionOf(deployment);
  if (!isNewRevision && isDeepStrictEqual(deployment.status ?? {}, status)) return [];
  const annotations = { ...deployment.metadata.annotations, [REVISION]: String(revision) };
  const metadata = isNewRevision ? { ...deployment.metadata, annotations } : deployment.metadata;
  return [updateStatus(deployments, { ...deployment, metadata, status })];
}

/** Deletes the ReplicaSets of the oldest revisions beyond the history's limit; never one that has or may get pods. */
function removeHistory({ deployment, old }: Rollout): readonly Action[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return [];
  const kept = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = kept.toSorted(byRevision).slice(0, Math.max(0, kept.length - limit));
  const isIdle = ({ metadata, spec, status }: ReplicaSet) =>
    spec.replicas === 0 && (status?.replicas ?? 0) === 0 && (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  return surplus.filter(isIdle).map((replicaSet) => remove(replicasets, replicaSet));
}

function selectsEverything({ spec }: Deployment): boolean {
  return Object.keys(spec.selector.matchLabels ?? {}).length === 0 && (spec.selector.matchExpressions ?? []).length === 0;
}

function refuseToSelectAll(deployment: Deployment): readonly Action[] {
  const { generation = 0 } = deployment.metadata;
  if ((deployment.status?.observedGeneration ?? 0) >= generation) return [];
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  return [
    { verb: 'event', regarding: deployment, type: 'Warning', reason: 'SelectingAll', message },
    updateStatus(deployments, { ...deployment, status: { ...deployment.status, observedGeneration: generation } }),
  ];
}

function isOurs(deployment: Deployment, namesake: ReplicaSet): boolean {
  return controllerOf(namesake)?.uid === deployment.metadata.uid && isSameTemplate(namesake.spec.template, deployment.spec.template);
}

/** Recreate waits for pods, not only for ReplicaSets. */
function recreatingOwners(caches: SharedCaches, pod: Pod): readonly ObjectKey[] {
  const namespace = pod.metadata.namespace ?? '';
  const replicaSet = caches.replicaSets.store.find({ namespace, name: controllerOf(pod)?.name ?? '' });
  const owner = replicaSet && controllerOf(replicaSet);
  const deployment = owner && caches.deployments.store.find({ namespace, name: owner.name });
  return deployment && !isRollingUpdate(deployment) ? [keyOf(deployment)] : [];
}
