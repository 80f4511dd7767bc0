/**
 * Why a pod got no node, in upstream's words: `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.`, followed by what
 * was found when asked whether something can be done about it.
 */
import type { Diagnosis } from './choose-node.ts';
import type { Rejection } from './plugin.ts';

/** `afterthought` is what the post-filters said; empty when one of them made room. */
export function failureMessage({ nodeCount, preFilter, rejections, others }: Diagnosis, afterthought: string): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = preFilter?.reasons.join(', ') ?? histogram(nodeCount, rejections, others?.reasons ?? []);
  const parts = [
    `0/${nodeCount} nodes are available:`,
    ...(reasons === '' ? [] : [`${reasons}.`]),
    ...(afterthought === '' ? [] : [afterthought]),
  ];
  return parts.join(' ');
}

/** Each reason after the number of nodes it holds for; `others` are the reasons of nodes that are not named. */
export function histogram(nodeCount: number, rejections: ReadonlyMap<string, Rejection>, others: readonly string[]): string {
  const counts = new Map<string, number>();
  const count = (reason: string, by: number) => counts.set(reason, (counts.get(reason) ?? 0) + by);
  for (const { verdict } of rejections.values()) for (const reason of verdict.reasons) count(reason, 1);
  if (rejections.size < nodeCount) for (const reason of others) count(reason, nodeCount - rejections.size);
  return [...counts]
    .map(([reason, nodes]) => `${nodes} ${reason}`)
    .sort()
    .join(', ');
}
