/**
 * Which pods a shrinking ReplicaSet gives up first: those whose loss costs least. The criteria are a list, most important first; the first one
 * that tells two pods apart decides. Upstream: pkg/controller/controller_utils.go (ActivePodsWithRanks).
 */
import type { Pod } from '#api/generated/types.ts';
import { isReady, readySinceMs } from '../pod-readiness.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

interface RankedPod {
  readonly pod: Pod;
  /** How many active pods of the same owner share this pod's node. */
  readonly neighbours: number;
}

type Criterion = (left: RankedPod, right: RankedPod, nowMs: number) => number;

/** Negative: `left` goes first. */
const criteria: readonly Criterion[] = [
  (left, right) => Number(isAssigned(left.pod)) - Number(isAssigned(right.pod)),
  (left, right) => phaseRank(left.pod) - phaseRank(right.pod),
  (left, right) => Number(isReady(left.pod)) - Number(isReady(right.pod)),
  (left, right) => deletionCost(left.pod) - deletionCost(right.pod),
  (left, right) => right.neighbours - left.neighbours,
  (left, right, nowMs) => compareAges(readySinceMs(left.pod), readySinceMs(right.pod), nowMs),
  (left, right) => restarts(right.pod) - restarts(left.pod),
  (left, right, nowMs) => compareAges(createdAtMs(left.pod), createdAtMs(right.pod), nowMs),
  (left, right) => (left.pod.metadata.uid < right.pod.metadata.uid ? -1 : 1),
];

/** `siblings` are the active pods of all ReplicaSets of the same owner. */
export function orderForDeletion(pods: readonly Pod[], siblings: readonly Pod[], nowMs: number): readonly Pod[] {
  const perNode = Map.groupBy(siblings, (pod) => pod.spec.nodeName ?? '');
  const ranked = pods.map((pod) => ({ pod, neighbours: perNode.get(pod.spec.nodeName ?? '')?.length ?? 0 }));
  ranked.sort((left, right) => {
    for (const compare of criteria) {
      const difference = compare(left, right, nowMs);
      if (difference !== 0) return difference;
    }
    return 0;
  });
  return ranked.map(({ pod }) => pod);
}

/**
 * Younger first, but only by order of magnitude: within one the choice is arbitrary (by uid), so that scaling up and down again does not
 * always hit the same zone's pods. Upstream: KEP-2185.
 */
function compareAges(left: number | undefined, right: number | undefined, nowMs: number): number {
  if (left === undefined || right === undefined || left === right) return 0;
  return ageRank(nowMs - left) - ageRank(nowMs - right);
}

function ageRank(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1e6));
}

function isAssigned({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== '';
}

function phaseRank({ status }: Pod): number {
  return ['Pending', 'Unknown', 'Running'].indexOf(status?.phase ?? 'Pending');
}

function deletionCost({ metadata }: Pod): number {
  const cost = Number(metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

function restarts({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
}

function createdAtMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp);
}
