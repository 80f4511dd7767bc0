/**
 * Decides how a pod goes away: its containers are stopped (`plan-stops.ts`), the API
 * learns how each of them ended, then containers, sandbox, address and volumes are removed, and last the API may forget the pod. Pure.
 * Each step waits until the one before it shows in the snapshot, so a crash anywhere is continued rather than repeated.
 */
import type { PodAction } from './plan-pod-actions.ts';
import { removeContainer, removeSandbox } from './plan-pod-actions.ts';
import { planStops, runningOf } from './plan-stops.ts';
import type { PodSnapshot } from './pod-snapshot.ts';

export function planPodRemoval(snapshot: PodSnapshot): readonly PodAction[] {
  const running = runningOf(snapshot);
  if (running.length > 0) return planStops(snapshot, running);
  // Something may still be made or started; it is stopped when it shows.
  if (isMakingContainers(snapshot)) return [];
  if (!snapshot.isStatusWritten && !snapshot.isGone) return [];
  const remains = [...snapshot.containers.map(removeContainer), ...snapshot.sandboxes.map(({ id }) => removeSandbox(id, false))];
  if (remains.length > 0) return remains;
  if (snapshot.busy.has('sandbox')) return [];
  if (snapshot.volumes.phase !== 'removed') return [{ verb: 'remove-volumes' }];
  return snapshot.isGone ? [] : [{ verb: 'delete-pod' }];
}

function isMakingContainers({ busy }: PodSnapshot): boolean {
  return [...busy].some((key) => key.startsWith('container/'));
}
