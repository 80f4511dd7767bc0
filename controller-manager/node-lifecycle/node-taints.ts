/**
 * The taints that follow from a node's conditions. Taints with other keys or effects belong to their authors and stay as they are.
 * Upstream: pkg/controller/nodelifecycle (nodeConditionToTaintKeyStatusMap, doNoScheduleTaintingPass, doNoExecuteTaintingPass).
 */
import type { Node, Taint } from '#api/generated/types.ts';

interface TaintRule {
  readonly condition: string;
  readonly status: string;
  readonly key: string;
  readonly effect: 'NoSchedule' | 'NoExecute';
}

const rules: readonly TaintRule[] = [
  { condition: 'Ready', status: 'False', key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
  { condition: 'Ready', status: 'Unknown', key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
  { condition: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' },
  { condition: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' },
  { condition: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure', effect: 'NoSchedule' },
  { condition: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' },
  { condition: 'Ready', status: 'False', key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
  { condition: 'Ready', status: 'Unknown', key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
];
const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const managed = [...rules, unschedulable];

/** A node that never posted a condition keeps what it was registered with. */
export function wantedTaints(node: Node, { mayEvict, time }: { readonly mayEvict: boolean; readonly time: string }): readonly Taint[] {
  const current = node.spec.taints ?? [];
  const conditions = new Map((node.status?.conditions ?? []).map(({ type, status }) => [type, status]));
  const matching = rules.filter(({ condition, status, effect }) => {
    return conditions.get(condition) === status && (mayEvict || effect !== 'NoExecute');
  });
  const wanted = [...matching, ...(node.spec.unschedulable === true ? [unschedulable] : [])];
  const kept = current.filter((taint) => {
    const isUndecided = taint.key === 'node.kubernetes.io/not-ready' && !conditions.has('Ready');
    return isUndecided || !has(managed, taint) || has(wanted, taint);
  });
  const added = wanted
    .filter((taint) => !has(current, taint))
    .map(({ key, effect }): Taint => (effect === 'NoExecute' ? { key, effect, timeAdded: time } : { key, effect }));
  return [...kept, ...added];
}

/** Whether its pods are being evicted because it is not ready, or cannot be reached. */
export function evictsBecauseOfCondition({ spec }: Node): boolean {
  const evicting = rules.filter(({ effect }) => effect === 'NoExecute');
  return (spec.taints ?? []).some((taint) => has(evicting, taint));
}

type TaintId = Pick<Taint, 'key' | 'effect'>;

function has(taints: readonly TaintId[], taint: TaintId): boolean {
  return taints.some(({ key, effect }) => key === taint.key && effect === taint.effect);
}
