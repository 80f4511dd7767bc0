/**
 * Where it hurts least: of the nodes that could be cleared for a pod, one is picked by upstream's six rules, each among those that the rules
 * before have left: fewest violated budgets, lowest highest priority of a victim, lowest sum of priorities, fewest victims, latest start of
 * the most important victims, and then the first. Pure.
 */
import { minOf } from '../plugin.ts';
import { type Candidate, startOf } from './find-victims.ts';

/** Added to each priority so that the sum counts victims of priority below zero, too. */
const PRIORITY_OFFSET = 2 ** 31;

const rules: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.priority ?? 0,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0),
  ({ victims }) => victims.length,
  (candidate) => -earliestStart(candidate),
];

export function pickCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates;
  for (const penalty of rules) {
    if (left.length <= 1) break;
    const penalties = left.map(penalty);
    const least = minOf(penalties);
    left = left.filter((_, index) => penalties[index] === least);
  }
  return left[0];
}

/** Of the victims with the highest priority. */
function earliestStart({ victims }: Candidate): number {
  const highest = victims[0]?.priority;
  return minOf(victims.filter(({ priority }) => priority === highest).map(startOf));
}
