/**
 * When a pod fits nowhere, looks for a node on which it would if pods of lower priority left. Decides only; `evict-victims.ts` acts. Upstream:
 * pkg/scheduler/framework/plugins/defaultpreemption.
 */
import type { Pod, PodDisruptionBudget } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import type { Random } from '#component/random.ts';
import { always } from '../cluster-event.ts';
import { histogram } from '../failure-message.ts';
import type { NodeInfo } from '../node-info.ts';
import { type FilterFailure, neverFits, type PostFilterOutcome, type Rejection, type SchedulerPlugin } from '../plugin.ts';
import { type Candidate, findVictims } from './find-victims.ts';
import { pickCandidate } from './pick-candidate.ts';

/** The reason in the condition of a pod that had to leave for another. */
export const PREEMPTION_REASON = 'PreemptionByScheduler';

const NAME = 'DefaultPreemption';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';

export interface PreemptionArgs {
  /** Of the nodes, this share is looked at before the best of what was found is taken. */
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

export const defaultPreemptionArgs: PreemptionArgs = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 };

export interface PreemptionDeps {
  readonly listBudgets: () => readonly PodDisruptionBudget[];
  readonly random: Random;
}

export function createDefaultPreemption({ listBudgets, random }: PreemptionDeps, args = defaultPreemptionArgs): SchedulerPlugin {
  return {
    name: NAME,
    hints: { 'pod-left': always },
    postFilter: (failure): PostFilterOutcome => {
      const why = ineligibility(failure);
      if (why !== undefined) return { message: `preemption: ${why}`, keepsNomination: true };
      const { candidates, rejections } = findCandidates(failure, listBudgets(), random, args);
      const chosen = pickCandidate(candidates);
      if (chosen !== undefined) return { message: '', nomination: chosen };
      const nodeCount = failure.snapshot.nodes.length;
      return { message: `preemption: 0/${nodeCount} nodes are available: ${histogram(nodeCount, rejections, [NOT_HELPFUL])}.` };
    },
  };
}

/** Why the pod may not preempt others, now or at all; undefined when it may. */
function ineligibility({ pod: { pod, priority }, snapshot, rejections }: FilterFailure): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.status?.nominatedNodeName ?? '';
  if (nominated === '' || rejections.get(nominated)?.verdict.mayPreemptionHelp === false) return undefined;
  const isBeingCleared = snapshot.find(nominated)?.pods.some((other) => other.priority < priority && isLeavingForAnother(other.pod));
  return isBeingCleared === true ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

function isLeavingForAnother({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  const condition = findCondition(status?.conditions, 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === PREEMPTION_REASON;
}

interface Found {
  readonly candidates: readonly Candidate[];
  readonly rejections: ReadonlyMap<string, Rejection>;
}

/** Begins anywhere, so that not always the same nodes are cleared, and ends with enough candidates if one of them violates no budget. */
function findCandidates(failure: FilterFailure, budgets: readonly PodDisruptionBudget[], random: Random, args: PreemptionArgs): Found {
  const nodes = nodesWorthAsking(failure);
  const wanted = candidatesWanted(failure.snapshot.nodes.length, args);
  const offset = Math.floor(random.next() * nodes.length);
  const candidates: Candidate[] = [];
  const rejections = new Map<string, Rejection>();
  let hasHarmless = false;
  for (let index = 0; index < nodes.length && !(hasHarmless && candidates.length >= wanted); index++) {
    const node = nodes[(offset + index) % nodes.length];
    if (node === undefined) continue;
    const found = findVictims(node, failure.pod, failure.whatIf, budgets);
    if ('verdict' in found) {
      rejections.set(node.name, { verdict: found.verdict, by: NAME });
    } else if (found.victims.length === 0) {
      rejections.set(node.name, { verdict: neverFits(`expected at least one victim pod on node "${node.name}"`), by: NAME });
    } else {
      candidates.push(found);
      hasHarmless ||= found.violations === 0;
    }
  }
  return { candidates, rejections };
}

function nodesWorthAsking({ snapshot, rejections, others }: FilterFailure): readonly NodeInfo[] {
  return snapshot.nodes.filter(({ name }) => (rejections.get(name)?.verdict ?? others)?.mayPreemptionHelp === true);
}

function candidatesWanted(nodeCount: number, { minCandidateNodesPercentage, minCandidateNodesAbsolute }: PreemptionArgs): number {
  return Math.min(Math.max(Math.floor((nodeCount * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute), nodeCount);
}
