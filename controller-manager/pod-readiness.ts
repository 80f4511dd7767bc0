/** Since when a pod has been ready; shared by the controllers that count or rank pods. */
import type { Pod } from '#api/generated/types.ts';

/** Epoch milliseconds of the Ready condition's last change to True; undefined while the pod is not ready. */
export function readySinceMs({ metadata, status }: Pod): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? metadata.creationTimestamp) : undefined;
}
