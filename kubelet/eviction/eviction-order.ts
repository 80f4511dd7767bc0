/**
 * Who goes first when something runs short: who uses more than was asked for, then who matters less, then who is furthest above what was asked for. Pure.
 * Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction
 */
import { podRequests } from '#api/core/v1/pod-requests.ts';
import type { Pod } from '#api/generated/types.ts';
import { unitsOf } from '../resource-amounts.ts';

export interface PodUse {
  readonly pod: Pod;
  /** Undefined for a pod that could not be measured: it goes before all others. */
  readonly use: Use | undefined;
}

export interface Use {
  readonly memory: number;
  readonly 'ephemeral-storage': number;
  readonly inodes: number;
  readonly pids: number;
}

/** Of system-critical priority: upstream's `SystemCriticalPriority`. */
const CRITICAL_PRIORITY = 2_000_000_000;

export function isCritical({ spec, metadata }: Pod): boolean {
  const { 'kubernetes.io/config.mirror': mirror, 'kubernetes.io/config.source': source = 'api' } = metadata.annotations ?? {};
  const isStatic = mirror !== undefined || source !== 'api';
  return isStatic || (spec.priority ?? 0) >= CRITICAL_PRIORITY;
}

/** Those that may be evicted, in that order. `resource` is a name of `Use`. */
export function orderForEviction(uses: readonly PodUse[], resource: keyof Use): readonly Pod[] {
  return uses
    .filter(({ pod }) => !isCritical(pod))
    .toSorted((left, right) => compare(left, right, resource))
    .map(({ pod }) => pod);
}

function compare(left: PodUse, right: PodUse, resource: keyof Use): number {
  if (left.use === undefined || right.use === undefined) return Number(left.use !== undefined) - Number(right.use !== undefined);
  const [leftExcess, rightExcess] = [excessOf(left.pod, left.use, resource), excessOf(right.pod, right.use, resource)];
  const byPriority = (left.pod.spec.priority ?? 0) - (right.pod.spec.priority ?? 0);
  // Processes cannot be asked for.
  const byExceeding = resource === 'pids' ? 0 : Number(rightExcess > 0) - Number(leftExcess > 0);
  return byExceeding || byPriority || rightExcess - leftExcess;
}

function excessOf(pod: Pod, use: Use, resource: keyof Use): number {
  return use[resource] - unitsOf(podRequests(pod).get(resource));
}
