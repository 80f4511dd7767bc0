/**
 * How many replicas a metric asks for: the current usage beside the wanted one, with the benefit of the doubt for pods without a figure. Those that would
 * be needed less are counted as using what they may when scaling down, those that start as using nothing when scaling up; if that turns the direction around,
 * nothing changes. Pure; amounts are thousandths. Upstream: pkg/controller/podautoscaler/replica_calculator.go.
 */
import type { Pod } from '#api/generated/types.ts';
import { isReady } from '../pod-readiness.ts';
import { groupPods, type PodAmounts, type PodGroups, type PodReadings, podRequestsOf, type RequestsQuery } from './pod-usage.ts';

/** Ratios this near to 1 change nothing. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface ReplicaContext {
  /** What the target's spec asks for. */
  readonly specReplicas: number;
  /** What the target's status reports. */
  readonly statusReplicas: number;
  /** All that the target's selector matches. */
  readonly pods: readonly Pod[];
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

export type ReplicaCount =
  | {
      readonly replicas: number;
      /** The figure that a status shows, thousandths: of the average pod, or of the whole. */
      readonly milli: number;
      /** Percent of what was requested. */
      readonly utilization?: number;
    }
  | { readonly problem: string };

const NO_PODS = 'no pods returned by selector while calculating replica count';
const NO_METRICS = 'did not receive metrics for any ready pods';

/** For a share of what the pods request. */
export function countByUtilization(readings: PodReadings, target: number, query: RequestsQuery, context: ReplicaContext): ReplicaCount {
  const { pods } = context;
  if (pods.length === 0) return { problem: NO_PODS };
  const groups = groupPods(pods, readings, query.resource, context.nowMs);
  const requests = podRequestsOf(pods, query);
  if (typeof requests === 'string') return { problem: requests };
  if (groups.usage.size === 0) return { problem: NO_METRICS };
  const measured = utilizationOf(groups.usage, requests, target);
  if (measured === undefined) return { problem: 'no metrics returned matched known pods' };
  const assumed = Math.max(100, target) / 100;
  const replicas = countWithDoubts(groups, context, measured.ratio, {
    ratioOf: (usage) => utilizationOf(usage, requests, target)?.ratio ?? 1,
    // At the target already, they make no difference.
    usageOfMissing: (name) => (measured.ratio === 1 ? undefined : measured.ratio > 1 ? 0 : Math.floor((requests.get(name) ?? 0) * assumed)),
  });
  return { replicas, milli: measured.milli, utilization: measured.utilization };
}

/** For an amount per pod. `resource` is absent for metrics that are not about resources. */
export function countByAverage(
  readings: PodReadings,
  targetMilli: number,
  resource: string | undefined,
  context: ReplicaContext,
): ReplicaCount {
  const { pods, nowMs } = context;
  if (pods.length === 0) return { problem: NO_PODS };
  const groups = groupPods(pods, readings, resource, nowMs);
  if (groups.usage.size === 0) return { problem: NO_METRICS };
  const average = averageOf(groups.usage);
  const replicas = countWithDoubts(groups, context, average / targetMilli, {
    ratioOf: (usage) => averageOf(usage) / targetMilli,
    usageOfMissing: () => (average < targetMilli ? targetMilli : 0),
  });
  return { replicas, milli: average };
}

/** For an amount of the whole: of an object, or outside the cluster. */
export function countByTotal(totalMilli: number, targetMilli: number, { specReplicas, pods, tolerance }: ReplicaContext): ReplicaCount {
  const ratio = totalMilli / targetMilli;
  if (specReplicas === 0) return { replicas: Math.ceil(ratio), milli: totalMilli };
  if (isWithin(tolerance, ratio)) return { replicas: specReplicas, milli: totalMilli };
  if (pods.length === 0) return { problem: `unable to calculate ready pods: ${NO_PODS}` };
  const readyCount = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return { replicas: Math.ceil(ratio * readyCount), milli: totalMilli };
}

/** For an amount of the whole that is shared among the replicas. */
export function countByShare(totalMilli: number, targetMilli: number, { statusReplicas, tolerance }: ReplicaContext): ReplicaCount {
  const isNear = isWithin(tolerance, totalMilli / (targetMilli * statusReplicas));
  const replicas = isNear ? statusReplicas : Math.ceil(totalMilli / targetMilli);
  return { replicas, milli: statusReplicas === 0 ? 0 : Math.ceil(totalMilli / statusReplicas) };
}

interface Doubts {
  ratioOf(usage: PodAmounts): number;
  /** What a pod without a figure is taken to use: much when scaling down, nothing when scaling up. Undefined: it is left out. */
  usageOfMissing(name: string): number | undefined;
}

function countWithDoubts(groups: PodGroups, { specReplicas, tolerance }: ReplicaContext, ratio: number, doubts: Doubts): number {
  const { usage, unready, missing, readyCount } = groups;
  const countsUnready = unready.length > 0 && ratio > 1;
  if (!countsUnready && missing.length === 0) return isWithin(tolerance, ratio) ? specReplicas : Math.ceil(ratio * readyCount);
  const assumed = new Map(usage);
  for (const name of missing) {
    const used = doubts.usageOfMissing(name);
    if (used !== undefined) assumed.set(name, used);
  }
  if (countsUnready) for (const name of unready) assumed.set(name, 0);
  const cautious = doubts.ratioOf(assumed);
  const isTurned = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1);
  if (isWithin(tolerance, cautious) || isTurned) return specReplicas;
  const replicas = Math.ceil(cautious * assumed.size);
  const isAgainst = (cautious < 1 && replicas > specReplicas) || (cautious > 1 && replicas < specReplicas);
  return isAgainst ? specReplicas : replicas;
}

/** A figure of a pod that is not known counts for nothing. */
function utilizationOf(usage: PodAmounts, requests: PodAmounts, target: number) {
  const known = [...usage].flatMap(([name, used]) => {
    const requested = requests.get(name);
    return requested === undefined ? [] : [{ used, requested }];
  });
  const used = known.reduce((sum, pod) => sum + pod.used, 0);
  const requested = known.reduce((sum, pod) => sum + pod.requested, 0);
  if (requested === 0) return undefined;
  const utilization = Math.floor((used * 100) / requested);
  return { ratio: utilization / target, utilization, milli: Math.floor(used / known.length) };
}

function averageOf(usage: PodAmounts): number {
  return Math.floor([...usage.values()].reduce((sum, used) => sum + used, 0) / usage.size);
}

function isWithin({ up, down }: Tolerance, ratio: number): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}
