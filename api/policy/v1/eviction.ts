/**
 * Whether a pod may be evicted, and what that costs its PodDisruptionBudget. Pure; `apiserver/pipeline/eviction.ts` asks it and the disruption controller
 * recounts. Source: upstream's pkg/registry/core/pod/storage/eviction.go.
 */

import { isPodReady, isPodTerminal } from '../../core/v1/pod.ts';
import type { Pod, PodDisruptionBudget } from '../../generated/types.ts';
import { withCondition } from '../../meta/condition.ts';
import { compileLabelSelector } from '../../meta/label-selector.ts';

/** So many granted evictions that the controller has not noticed yet mean that it is not there. */
const DISRUPTED_PODS_MAX = 2_000;

/** An absent or empty selector matches nothing here, not everything. */
export function coversPod({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector ?? {};
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return false;
  return compileLabelSelector({ matchLabels, matchExpressions })(metadata.labels);
}

/** Nothing is disrupted: it is over, on its way out, or has not begun. */
export function needsNoBudget(pod: Pod): boolean {
  return isPodTerminal(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
}

/** A pod that is not ready is not counted as healthy: it may go if its budget is met without it, or if the budget's owner says so. */
export function isUnhealthyAndFree({ spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  if (isPodReady(pod)) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

export type EvictionVerdict =
  | { readonly outcome: 'granted'; readonly budget: PodDisruptionBudget }
  /** Try again; the server may tell when. */
  | { readonly outcome: 'later'; readonly why: string; readonly afterSeconds: number }
  | { readonly outcome: 'forbidden'; readonly why: string };

export const BEING_PROCESSED_SECONDS = 10;

export function beingProcessed(name: string): string {
  return `The disruption budget ${name} is still being processed by the server.`;
}

/** `time` is the API's `Time`. */
export function grantEviction(budget: PodDisruptionBudget, podName: string, time: string): EvictionVerdict {
  const { metadata, status } = budget;
  const { observedGeneration = 0, disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0, disruptedPods = {} } = status ?? {};
  if (observedGeneration < (metadata.generation ?? 0)) {
    return { outcome: 'later', why: beingProcessed(metadata.name), afterSeconds: BEING_PROCESSED_SECONDS };
  }
  if (disruptionsAllowed < 0) return { outcome: 'forbidden', why: 'pdb disruptions allowed is negative' };
  if (Object.keys(disruptedPods).length > DISRUPTED_PODS_MAX) {
    return { outcome: 'forbidden', why: 'DisruptedPods map too big - too many evictions not confirmed by PDB controller' };
  }
  if (disruptionsAllowed === 0) {
    const why = `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
    return { outcome: 'later', why, afterSeconds: 0 };
  }
  const left = disruptionsAllowed - 1;
  const charged = { ...status, disruptionsAllowed: left, disruptedPods: { ...disruptedPods, [podName]: time } };
  return { outcome: 'granted', budget: { ...budget, status: left > 0 ? charged : { ...charged, ...exhausted(budget, time) } } };
}

function exhausted({ metadata, status }: PodDisruptionBudget, time: string) {
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: '',
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
  };
  return { conditions: withCondition(status?.conditions, condition, time) };
}
