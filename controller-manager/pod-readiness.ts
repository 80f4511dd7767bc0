/** What a pod's status says of it, for the controllers that count or rank pods: whether it counts, since when it has been ready, for long enough. */
import type { Pod } from '#api/generated/types.ts';

/** Epoch milliseconds of the Ready condition's last change to True; undefined while the pod is not ready. */
export function readySinceMs({ metadata, status }: Pod): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? metadata.creationTimestamp) : undefined;
}

export function isReady(pod: Pod): boolean {
  return readySinceMs(pod) !== undefined;
}

/** Ready, and for so many seconds. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const since = readySinceMs(pod);
  return since !== undefined && (minReadySeconds === 0 || since + minReadySeconds * 1_000 <= nowMs);
}

/** Its containers ran to their end. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** On its way out, and still running. */
export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isOver(pod);
}

/** Neither ended nor on its way out. */
export function isActive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isOver(pod);
}

/** When the next ready pod becomes available; undefined when none is waiting for that. */
export function availabilityCheckAfterMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods
    .map(readySinceMs)
    .filter((since) => since !== undefined)
    .map((since) => since + minReadySeconds * 1_000 - nowMs)
    .filter((wait) => wait > 0);
  return minReadySeconds === 0 || waits.length === 0 ? undefined : Math.min(...waits);
}
