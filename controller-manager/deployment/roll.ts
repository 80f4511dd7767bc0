/**
 * One step of a rollout, for both strategies: grow the current ReplicaSet as far as `maxSurge` allows, shrink the old ones as far as
 * `maxUnavailable` allows (unhealthy pods first), or for Recreate first remove everything old. Each step looks only at sizes and statuses, so it
 * is right to take it again after any interruption. Upstream: pkg/controller/deployment/rolling.go and recreate.go.
 */
import type { Pod, ReplicaSet } from '#api/generated/types.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { maxSurge, maxUnavailable } from './fence-posts.ts';
import { activeReplicaSets, allReplicaSets, type Rollout, replicasOf, resize, totalInStatus, totalReplicas } from './rollout.ts';

/** The sizes of a rolling update's next step. The current ReplicaSet must exist. */
export function rollForward(rollout: Rollout, current: ReplicaSet): Rollout {
  const size = currentReplicas(rollout);
  if (size !== replicasOf(current)) return resize(rollout, new Map([[current.metadata.uid, size]]));
  return resize(rollout, shrinkOld(rollout, current));
}

/** How large the current ReplicaSet may be now; also the size it is created with. */
export function currentReplicas(rollout: Rollout): number {
  const { deployment, current } = rollout;
  const wanted = replicasOf(deployment);
  const present = current === undefined ? 0 : replicasOf(current);
  if (present >= wanted) return wanted;
  const room = wanted + maxSurge(deployment) - totalReplicas(allReplicaSets(rollout));
  return room <= 0 ? present : present + Math.min(room, wanted - present);
}

/** Whether Recreate must still wait: old pods, also terminating ones, may hold what the new ones need. */
export function hasOldPodsRunning(rollout: Rollout, pods: readonly Pod[]): boolean {
  if (totalInStatus(rollout.old, 'replicas') > 0) return true;
  return pods.some((pod) => {
    const isOver = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
    return !isOver && controllerOf(pod)?.uid !== rollout.current?.metadata.uid;
  });
}

/** The next step of Recreate, once the old pods are gone. */
export function growCurrent(rollout: Rollout, current: ReplicaSet): Rollout {
  return resize(rollout, new Map([[current.metadata.uid, replicasOf(rollout.deployment)]]));
}

/** Sizes of zero for whatever is old and still has pods. */
export function removeOld(rollout: Rollout): Rollout {
  return resize(rollout, new Map(activeReplicaSets(rollout.old).map((old) => [old.metadata.uid, 0])));
}

function shrinkOld(rollout: Rollout, current: ReplicaSet): ReadonlyMap<string, number> {
  const { deployment, old } = rollout;
  const all = allReplicaSets(rollout);
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const currentUnavailable = replicasOf(current) - (current.status?.availableReplicas ?? 0);
  const removable = totalReplicas(all) - minAvailable - currentUnavailable;
  const sizes = new Map(activeReplicaSets(old).map((replicaSet) => [replicaSet.metadata.uid, replicasOf(replicaSet)]));
  if (sizes.size === 0 || removable <= 0) return new Map();
  const unhealthyIn = (replicaSet: ReplicaSet) => replicasOf(replicaSet) - (replicaSet.status?.availableReplicas ?? 0);
  shrinkInTurn(activeReplicaSets(old), sizes, removable, unhealthyIn);
  const spare = totalInStatus(all, 'availableReplicas') - minAvailable;
  shrinkInTurn(activeReplicaSets(old), sizes, spare, (replicaSet) => sizes.get(replicaSet.metadata.uid) ?? 0);
  return new Map(
    [...sizes].filter(([uid, size]) => old.some((replicaSet) => replicaSet.metadata.uid === uid && replicasOf(replicaSet) !== size)),
  );
}

/** Takes up to `budget` pods away, oldest ReplicaSet first, from each at most what `shareOf` says. */
function shrinkInTurn(
  replicaSets: readonly ReplicaSet[],
  sizes: Map<string, number>,
  budget: number,
  shareOf: (replicaSet: ReplicaSet) => number,
): void {
  let left = budget;
  for (const replicaSet of replicaSets) {
    const { uid } = replicaSet.metadata;
    const taken = Math.max(0, Math.min(left, shareOf(replicaSet), sizes.get(uid) ?? 0));
    sizes.set(uid, (sizes.get(uid) ?? 0) - taken);
    left -= taken;
  }
}
