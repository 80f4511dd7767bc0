/**
 * What happens when a Deployment's `replicas` changes, also while it is paused or in the middle of a rollout: the change is spread over the
 * active ReplicaSets in proportion to their sizes, so that scaling neither speeds up nor reverts the rollout.
 * Upstream: pkg/controller/deployment/sync.go (scale, isScalingEvent).
 */
import type { Deployment, ReplicaSet } from '#api/generated/types.ts';
import { desiredReplicasOf, maxReplicasOf } from './deployment-annotations.ts';
import { isRollingUpdate, maxSurge } from './fence-posts.ts';
import { activeReplicaSets, allReplicaSets, type Rollout, replicasOf, resize, totalReplicas } from './rollout.ts';

/** Whether an active ReplicaSet was last sized for another number of replicas. */
export function isScalingEvent(rollout: Rollout): boolean {
  const wanted = replicasOf(rollout.deployment);
  return activeReplicaSets(allReplicaSets(rollout)).some((replicaSet) => (desiredReplicasOf(replicaSet) ?? wanted) !== wanted);
}

export function scaleRollout(rollout: Rollout): Rollout {
  const { deployment, current, old } = rollout;
  const active = activeReplicaSets(allReplicaSets(rollout));
  const only = active.length > 1 ? undefined : (active[0] ?? current ?? old.at(-1));
  if (only !== undefined) return resize(rollout, new Map([[only.metadata.uid, replicasOf(deployment)]]));
  if (current !== undefined && isSaturated(deployment, current)) {
    return resize(rollout, new Map(activeReplicaSets(old).map((replicaSet) => [replicaSet.metadata.uid, 0])));
  }
  return isRollingUpdate(deployment) && active.length > 1 ? resize(rollout, proportionalSizes(deployment, active)) : rollout;
}

function proportionalSizes(deployment: Deployment, active: readonly ReplicaSet[]): ReadonlyMap<string, number> {
  const wanted = replicasOf(deployment);
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const change = allowed - totalReplicas(active);
  const sizes = new Map<string, number>();
  let done = 0;
  const ordered = largestFirst(active, change);
  for (const replicaSet of ordered) {
    const part = change === 0 ? 0 : proportionOf(replicaSet, deployment, change, done);
    sizes.set(replicaSet.metadata.uid, replicasOf(replicaSet) + part);
    done += part;
  }
  const largest = ordered[0];
  // What rounding left over goes to the largest.
  if (largest) sizes.set(largest.metadata.uid, Math.max(0, (sizes.get(largest.metadata.uid) ?? 0) + change - done));
  return sizes;
}

/** Of two equally large ones the newer grows first and the older shrinks first. */
function largestFirst(replicaSets: readonly ReplicaSet[], change: number): readonly ReplicaSet[] {
  const bySize = (left: ReplicaSet, right: ReplicaSet) => replicasOf(right) - replicasOf(left);
  return (change > 0 ? [...replicaSets].reverse() : [...replicaSets]).sort(bySize);
}

function proportionOf(replicaSet: ReplicaSet, deployment: Deployment, change: number, done: number): number {
  if (replicasOf(replicaSet) === 0 || change === done) return 0;
  const fraction = fractionOf(replicaSet, deployment);
  return change > 0 ? Math.min(fraction, change - done) : Math.max(fraction, change - done);
}

function fractionOf(replicaSet: ReplicaSet, deployment: Deployment): number {
  const [size, wanted] = [replicasOf(replicaSet), replicasOf(deployment)];
  if (wanted === 0) return -size;
  const before = maxReplicasOf(replicaSet) || deployment.status?.replicas || 0;
  if (before === 0) return 0;
  return Math.round((size * (wanted + maxSurge(deployment))) / before) - size;
}

function isSaturated(deployment: Deployment, current: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  return replicasOf(current) === wanted && desiredReplicasOf(current) === wanted && (current.status?.availableReplicas ?? 0) === wanted;
}
