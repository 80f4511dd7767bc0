/**
 * A Deployment's ReplicaSets as one value: the one that carries the current template and the older ones, as working copies that the pure
 * steps (`roll.ts`, `scale.ts`, `status.ts`) replace and `rolloutActions` compares with what the caches hold. One write per ReplicaSet and sync.
 * Upstream: pkg/controller/deployment/sync.go.
 */
import { deployments, replicasets } from '#api/generated/resources.ts';
import type { Deployment, ReplicaSet } from '#api/generated/types.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Action, create } from '#client/apply-actions.ts';
import { hashTemplate, isSameTemplate, POD_TEMPLATE_HASH_LABEL } from '../pod-template.ts';
import {
  inheritedAnnotations,
  maxRevision,
  REVISION,
  replicasAnnotations,
  revisionAnnotations,
  withAnnotations,
} from './deployment-annotations.ts';

export interface Rollout {
  readonly deployment: Deployment;
  /** Carries the Deployment's template; absent before it is created. */
  readonly current: ReplicaSet | undefined;
  /** Oldest first. */
  readonly old: readonly ReplicaSet[];
}

export function observeRollout(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Rollout {
  const byAge = [...replicaSets].sort(olderFirst);
  const found = byAge.find((replicaSet) => isSameTemplate(replicaSet.spec.template, deployment.spec.template));
  const old = byAge.filter((replicaSet) => replicaSet !== found);
  return { deployment, current: found && bringUpToDate(found, deployment, maxRevision(old) + 1n), old };
}

export function allReplicaSets({ current, old }: Rollout): readonly ReplicaSet[] {
  return current === undefined ? old : [...old, current];
}

export function activeReplicaSets(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.filter((replicaSet) => replicasOf(replicaSet) > 0);
}

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1;
}

export function totalReplicas(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, replicaSet) => sum + replicasOf(replicaSet), 0);
}

export function totalInStatus(
  replicaSets: readonly ReplicaSet[],
  field: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number {
  return replicaSets.reduce((sum, replicaSet) => sum + (replicaSet.status?.[field] ?? 0), 0);
}

/** The rollout with these sizes by ReplicaSet uid; sizes not named stay. */
export function resize(rollout: Rollout, sizes: ReadonlyMap<string, number>): Rollout {
  const resizeOne = (replicaSet: ReplicaSet): ReplicaSet => {
    const replicas = sizes.get(replicaSet.metadata.uid);
    return replicas === undefined ? replicaSet : withReplicas(replicaSet, replicas, rollout.deployment);
  };
  return { ...rollout, current: rollout.current && resizeOne(rollout.current), old: rollout.old.map(resizeOne) };
}

/** Updates for the ReplicaSets that differ from what the caches hold, with the events people know. */
export function rolloutActions(rollout: Rollout, observed: readonly ReplicaSet[]): readonly Action[] {
  const before = new Map(observed.map((replicaSet) => [replicaSet.metadata.uid, replicaSet]));
  return allReplicaSets(rollout).flatMap((replicaSet) => {
    const previous = before.get(replicaSet.metadata.uid);
    return previous === undefined || previous === replicaSet ? [] : [updateReplicaSet(rollout.deployment, replicaSet, previous)];
  });
}

/** The ReplicaSet for the current template. Its name follows from the template, so making it twice is impossible. */
export function draftReplicaSet({ deployment, old }: Rollout, replicas: number): Draft<ReplicaSet> {
  const { selector, template, minReadySeconds } = deployment.spec;
  const hash = hashTemplate(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [POD_TEMPLATE_HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSetName(deployment),
      ...(deployment.metadata.namespace === undefined ? {} : { namespace: deployment.metadata.namespace }),
      labels,
      annotations: {
        ...inheritedAnnotations(deployment),
        [REVISION]: String(maxRevision(old) + 1n),
        ...replicasAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

export function replicaSetName(deployment: Deployment): string {
  return `${deployment.metadata.name}-${hashTemplate(deployment.spec.template, deployment.status?.collisionCount)}`;
}

export function createReplicaSet(deployment: Deployment, draft: Draft<ReplicaSet>): Action {
  const replicas = draft.spec.replicas ?? 0;
  const message = `Scaled up replica set ${draft.metadata.name} from 0 to ${replicas}`;
  return create(replicasets, draft, {
    regarding: deployment,
    ...(replicas === 0 ? {} : { done: { reason: 'ScalingReplicaSet', message } }),
    failed: { reason: 'ReplicaSetCreateError', message: `Failed to create new replica set "${draft.metadata.name}": {error}` },
  });
}

function updateReplicaSet(deployment: Deployment, replicaSet: ReplicaSet, previous: ReplicaSet): Action {
  const [from, to] = [replicasOf(previous), replicasOf(replicaSet)];
  const action: Action = { verb: 'update', type: replicasets, object: replicaSet };
  if (from === to) return action;
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${replicaSet.metadata.name} from ${from} to ${to}`;
  return { ...action, announce: { regarding: deployment, done: { reason: 'ScalingReplicaSet', message } } };
}

function bringUpToDate(replicaSet: ReplicaSet, deployment: Deployment, revision: bigint): ReplicaSet {
  const annotated = withAnnotations(replicaSet, { ...inheritedAnnotations(deployment), ...revisionAnnotations(replicaSet, revision) });
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if ((annotated.spec.minReadySeconds ?? 0) === minReadySeconds) return annotated;
  return { ...annotated, spec: { ...annotated.spec, minReadySeconds } };
}

function withReplicas(replicaSet: ReplicaSet, replicas: number, deployment: Deployment): ReplicaSet {
  const annotated = withAnnotations(replicaSet, replicasAnnotations(deployment));
  return replicasOf(replicaSet) === replicas ? annotated : { ...annotated, spec: { ...annotated.spec, replicas } };
}

function olderFirst(left: ReplicaSet, right: ReplicaSet): number {
  const [a, b] = [left.metadata, right.metadata];
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
