/** Which of the pods that would have to go are protected by a PodDisruptionBudget that allows no more disruptions. Pure. */
import type { PodDisruptionBudget } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { PodInfo } from '../pod-info.ts';

export interface VictimGroups {
  /** Evicting them goes against a budget. */
  readonly violating: readonly PodInfo[];
  readonly allowed: readonly PodInfo[];
}

/** Keeps the order within both groups: who comes first uses up what a budget allows. */
export function groupByBudgets(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): VictimGroups {
  const left = budgets.map((budget) => ({
    budget,
    matches: matcherOf(budget),
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodInfo[] = [];
  const allowed: PodInfo[] = [];
  for (const pod of pods) {
    const { namespace, name, labels = {} } = pod.pod.metadata;
    let isViolation = false;
    for (const one of left) {
      if (one.budget.metadata.namespace !== namespace || !one.matches(labels)) continue;
      // The server has counted it already.
      if (one.budget.status?.disruptedPods?.[name] !== undefined) continue;
      one.allowed -= 1;
      if (one.allowed < 0) isViolation = true;
    }
    (isViolation ? violating : allowed).push(pod);
  }
  return { violating, allowed };
}

/** As far as preemption goes a budget with an empty selector, or without one, protects nobody: upstream's rule. */
function matcherOf({ spec }: PodDisruptionBudget): (labels: Readonly<Record<string, string>>) => boolean {
  const { selector } = spec ?? {};
  const isEmpty =
    selector === undefined || ((selector.matchExpressions ?? []).length === 0 && Object.keys(selector.matchLabels ?? {}).length === 0);
  return isEmpty ? () => false : compileLabelSelector(selector);
}
