/**
 * The decision of a cycle: filter the nodes, score those that are left, take the best. Pure but for the dice that decide between equals.
 * In a large cluster it stops filtering once it has seen enough nodes that fit, as upstream does, and starts the next time where it stopped.
 */
import type { Random } from '#component/random.ts';
import type { NodeInfo } from './node-info.ts';
import { type Misfit, maxOf, type Rejection } from './plugin.ts';
import type { PodCycle } from './pod-cycle.ts';

/** Up to this many nodes every one that fits is found and scored. */
const FEASIBLE_NODES_MIN = 100;
/** Of large clusters this share at least. */
const FEASIBLE_PERCENT_MIN = 5;

export type Choice =
  | { readonly fits: true; readonly nodeName: string; readonly nodesAsked: number }
  | { readonly fits: false; readonly nodesAsked: number; readonly diagnosis: Diagnosis };

/** Why no node would do. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** All nodes at once: the reason that stands for all of them. */
  readonly preFilter?: Misfit;
  /** By node name. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** How nodes that are not among these were rejected. */
  readonly others?: Misfit;
  /** The plugins that had a part in it. */
  readonly rejectedBy: ReadonlySet<string>;
}

/** `startAt` is the index of the node to be asked first. */
export function chooseNode(cycle: PodCycle, startAt: number, random: Random): Choice {
  const { snapshot, preFilter } = cycle;
  const nodeCount = snapshot.nodes.length;
  if ('rejection' in preFilter) {
    const { verdict, by } = preFilter.rejection;
    const diagnosis = { nodeCount, preFilter: verdict, rejections: new Map(), others: verdict, rejectedBy: new Set([by]) };
    return { fits: false, nodesAsked: 0, diagnosis };
  }
  if (fitsNominated(cycle)) return { fits: true, nodesAsked: 0, nodeName: cycle.pod.pod.status?.nominatedNodeName ?? '' };
  const { nodeNames } = preFilter;
  const nodes = nodeNames === undefined ? snapshot.nodes : [...nodeNames].flatMap((name) => snapshot.find(name) ?? []);
  const { feasible, nodesAsked, rejections } = findFeasibleNodes(cycle, nodes, startAt);
  if (feasible.length > 0) return { fits: true, nodesAsked, nodeName: pickBest(feasible, scoreNodes(feasible, cycle), random).name };
  const narrowed = nodeNames === undefined ? undefined : preFilter;
  const rejectedBy = new Set([...[...rejections.values()].map(({ by }) => by), ...(narrowed?.by ?? [])]);
  return {
    fits: false,
    nodesAsked,
    diagnosis: { nodeCount, rejections, rejectedBy, ...(narrowed === undefined ? {} : { others: narrowed.others }) },
  };
}

/** A node that was cleared for the pod is taken when it will do. */
function fitsNominated({ pod, snapshot, preFilter, rejectionOf }: PodCycle): boolean {
  const nodeName = pod.pod.status?.nominatedNodeName ?? '';
  if (nodeName === '' || !('nodeNames' in preFilter)) return false;
  const node = snapshot.find(nodeName);
  if (node === undefined || preFilter.nodeNames?.has(nodeName) === false) return false;
  return rejectionOf(node) === undefined;
}

interface Filtered {
  readonly feasible: readonly NodeInfo[];
  readonly nodesAsked: number;
  readonly rejections: ReadonlyMap<string, Rejection>;
}

function findFeasibleNodes({ profile, rejectionOf }: PodCycle, nodes: readonly NodeInfo[], startAt: number): Filtered {
  const wanted = feasibleNodesWanted(nodes.length, profile.percentageOfNodesToScore);
  const feasible: NodeInfo[] = [];
  const rejections = new Map<string, Rejection>();
  let nodesAsked = 0;
  for (; nodesAsked < nodes.length && feasible.length < wanted; nodesAsked++) {
    const node = nodes[(startAt + nodesAsked) % nodes.length];
    if (node === undefined) continue;
    const rejection = rejectionOf(node);
    if (rejection === undefined) feasible.push(node);
    else rejections.set(node.name, rejection);
  }
  return { feasible, nodesAsked, rejections };
}

/** Half of a small cluster, ever less of a larger one, but never fewer than a hundred. */
function feasibleNodesWanted(nodeCount: number, percentage: number | undefined): number {
  if (nodeCount <= FEASIBLE_NODES_MIN) return nodeCount;
  const percent = percentage ?? Math.max(50 - Math.floor(nodeCount / 125), FEASIBLE_PERCENT_MIN);
  return Math.max(Math.floor((nodeCount * percent) / 100), FEASIBLE_NODES_MIN);
}

function scoreNodes(feasible: readonly NodeInfo[], cycle: PodCycle): readonly number[] {
  const totals = new Array<number>(feasible.length).fill(0);
  if (feasible.length === 1) return totals;
  for (const { scorer, weight } of cycle.prepareScorers(feasible)) {
    const raw = feasible.map((node) => scorer.score(node));
    const scores = scorer.normalise?.(raw) ?? raw;
    for (let index = 0; index < totals.length; index++) totals[index] = (totals[index] ?? 0) + (scores[index] ?? 0) * weight;
  }
  return totals;
}

/** Dice among equals, else the first node of the list would get everything. */
function pickBest(feasible: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo {
  const best = maxOf(scores);
  const equals = feasible.filter((_, index) => scores[index] === best);
  const chosen = equals[Math.floor(random.next() * equals.length)];
  if (chosen === undefined) throw new Error('no node to choose from');
  return chosen;
}
