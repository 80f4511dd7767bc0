/**
 * Which pods would have to leave a node so that another fits there: all that come after it are taken away, and then, the most important
 * first, as many as possible are given back. Those that a budget protects get the first chance to stay. Pure but for the filters' counts,
 * which are as before when it returns. Source: upstream's DefaultPreemption, SelectVictimsOnNode.
 */
import type { PodDisruptionBudget } from '#api/generated/types.ts';
import { type NodeInfo, withoutPod, withPod } from '../node-info.ts';
import { type Misfit, neverFits, type WhatIf } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { groupByBudgets } from './disruption-budgets.ts';

export interface Candidate {
  readonly nodeName: string;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** How many of them a budget protects. */
  readonly violations: number;
}

const NO_VICTIMS = neverFits('No preemption victims found for incoming pod');

export function findVictims(
  node: NodeInfo,
  pod: PodInfo,
  whatIf: WhatIf,
  budgets: readonly PodDisruptionBudget[],
): Candidate | { readonly verdict: Misfit } {
  const possible = node.pods.filter(({ priority }) => priority < pod.priority);
  if (possible.length === 0) return { verdict: NO_VICTIMS };
  const removed = new Set<PodInfo>();
  let current = node;
  const remove = (victim: PodInfo): void => {
    removed.add(victim);
    current = withoutPod(current, victim);
    whatIf.removePod(victim, current);
  };
  const giveBack = (victim: PodInfo): void => {
    removed.delete(victim);
    current = withPod(current, victim);
    whatIf.addPod(victim, current);
  };
  const mayStay = (victim: PodInfo): boolean => {
    giveBack(victim);
    if (whatIf.verdictOn(current).fits) return true;
    remove(victim);
    return false;
  };
  try {
    for (const victim of possible) remove(victim);
    const verdict = whatIf.verdictOn(current);
    if (!verdict.fits) return { verdict };
    const { violating, allowed } = groupByBudgets(possible.toSorted(byImportance), budgets);
    const violations = violating.filter((victim) => !mayStay(victim));
    const others = allowed.filter((victim) => !mayStay(victim));
    return { nodeName: node.name, victims: [...violations, ...others].sort(byImportance), violations: violations.length };
  } finally {
    for (const victim of [...removed]) giveBack(victim);
  }
}

/** Higher priority first, then who has been running longer. */
export function byImportance(left: PodInfo, right: PodInfo): number {
  if (left.priority !== right.priority) return right.priority - left.priority;
  const [leftStart, rightStart] = [startOf(left), startOf(right)];
  return leftStart === rightStart ? 0 : leftStart - rightStart;
}

/** Epoch milliseconds; a pod that has not started has just now. */
export function startOf({ pod }: PodInfo): number {
  const startTime = pod.status?.startTime;
  return startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(startTime);
}
