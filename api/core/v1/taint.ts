/** Taints keep pods off nodes; tolerations let them on nevertheless. Used by the scheduler, the kubelet's admission and taint eviction. */
import type { Taint, Toleration } from '../../generated/types.ts';

/** Whether one toleration covers one taint; an absent key or effect covers all of them. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && key !== '' && value === (taint.value ?? '');
}

/** The first taint with one of the effects that nothing tolerates. */
export function findUntolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}
