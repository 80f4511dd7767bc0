/** The condition that tells a pod's owner why the control plane took the pod away. Upstream: KEP-3329. */
import type { Pod } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';

/** `time` is the API's `Time`. */
export function noteDisruption(pod: Pod, why: { readonly reason: string; readonly message: string }, time: string): Pod {
  const condition = { type: 'DisruptionTarget', status: 'True', ...why };
  return { ...pod, status: { ...pod.status, conditions: withCondition(pod.status?.conditions, condition, time) } };
}
