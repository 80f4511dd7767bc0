/**
 * Decides how a pod goes away: its containers are stopped within the grace period (sidecars after the others, in reverse order), the API
 * learns how each of them ended, then containers, sandbox, address and volumes are removed, and last the API may forget the pod. Pure.
 * Each step waits until the one before it shows in the snapshot, so a crash anywhere is continued rather than repeated.
 */
import type { PodAction } from './plan-pod-actions.ts';
import { removeContainer, removeSandbox, stopContainer } from './plan-pod-actions.ts';
import { initContainersOf, isSidecar, type PodSnapshot } from './pod-snapshot.ts';
import type { RuntimeContainer } from './runtime/container-runtime.ts';

export function planPodRemoval(snapshot: PodSnapshot): readonly PodAction[] {
  const running = snapshot.containers.filter(({ state }) => state.phase === 'running');
  if (running.length > 0) return nextToStop(snapshot, running).map((container) => stopContainer(snapshot.pod, container, ''));
  // Something may still be made or started; it is stopped when it shows.
  if (isMakingContainers(snapshot)) return [];
  if (!snapshot.isStatusWritten && !snapshot.isGone) return [];
  const remains = [...snapshot.containers.map(removeContainer), ...snapshot.sandboxes.map(({ id }) => removeSandbox(id, false))];
  if (remains.length > 0) return remains;
  if (snapshot.busy.has('sandbox')) return [];
  if (snapshot.volumes.phase !== 'removed') return [{ verb: 'remove-volumes' }];
  return snapshot.isGone ? [] : [{ verb: 'delete-pod' }];
}

/** Sidecars serve the others, so they stop last, the last one started first. */
function nextToStop(snapshot: PodSnapshot, running: readonly RuntimeContainer[]): readonly RuntimeContainer[] {
  const sidecars = initContainersOf(snapshot.pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const others = running.filter(({ identity }) => !sidecars.includes(identity.containerName ?? ''));
  if (others.length > 0) return others;
  const inOrder = running.toSorted((left, right) => sidecars.indexOf(nameOf(left)) - sidecars.indexOf(nameOf(right)));
  return inOrder.slice(-1);
}

function nameOf(container: RuntimeContainer): string {
  return container.identity.containerName ?? '';
}

function isMakingContainers({ busy }: PodSnapshot): boolean {
  return [...busy].some((key) => key.startsWith('container/'));
}
