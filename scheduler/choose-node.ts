/**
 * The decision of a cycle: filter the nodes, score those that are left, take the best. Pure but for the dice that decide between equals.
 * In a large cluster it stops filtering once it has seen enough nodes that fit, as upstream does, and starts the next time where it stopped.
 */
import type { Random } from '#component/random.ts';
import type { NodeInfo } from './node-info.ts';
import { type ClusterEvent, fits, type PluginCycle, type SchedulerPlugin, type Verdict } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

/** Up to this many nodes every one that fits is found and scored. */
const FEASIBLE_NODES_MIN = 100;
/** Of large clusters this share at least. */
const FEASIBLE_PERCENT_MIN = 5;

export type Choice =
  | { readonly fits: true; readonly nodeName: string; readonly nodesAsked: number }
  | {
      readonly fits: false;
      readonly nodesAsked: number;
      /** How many nodes were rejected for each reason. */
      readonly rejections: ReadonlyMap<string, number>;
      /** What may change the outcome. */
      readonly wakeOn: ReadonlySet<ClusterEvent>;
    };

export interface ChoiceDeps {
  readonly plugins: readonly SchedulerPlugin[];
  readonly random: Random;
}

interface ActivePlugin {
  readonly plugin: SchedulerPlugin;
  readonly cycle: PluginCycle;
}

/** `startAt` is the index of the node to be asked first. */
export function chooseNode(pod: PodInfo, nodes: readonly NodeInfo[], startAt: number, { plugins, random }: ChoiceDeps): Choice {
  const active = plugins.map((plugin) => ({ plugin, cycle: plugin.prepare(pod, nodes) }));
  const { feasible, nodesAsked, rejections, wakeOn } = findFeasibleNodes(nodes, startAt, active);
  if (feasible.length === 0) return { fits: false, nodesAsked, rejections, wakeOn };
  const scores = feasible.length === 1 ? [0] : scoreNodes(feasible, active);
  return { fits: true, nodesAsked, nodeName: pickBest(feasible, scores, random).name };
}

interface Filtered {
  readonly feasible: readonly NodeInfo[];
  readonly nodesAsked: number;
  readonly rejections: ReadonlyMap<string, number>;
  readonly wakeOn: ReadonlySet<ClusterEvent>;
}

function findFeasibleNodes(nodes: readonly NodeInfo[], startAt: number, active: readonly ActivePlugin[]): Filtered {
  const wanted = feasibleNodesWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  const rejections = new Map<string, number>();
  // A node may always come or change, and with no node at all nothing else can help.
  const wakeOn = new Set<ClusterEvent>(['node-changed']);
  let nodesAsked = 0;
  for (; nodesAsked < nodes.length && feasible.length < wanted; nodesAsked++) {
    const node = nodes[(startAt + nodesAsked) % nodes.length];
    if (node === undefined) continue;
    const { verdict, by } = askFilters(node, active);
    if (verdict.fits) {
      feasible.push(node);
      continue;
    }
    for (const reason of verdict.reasons) rejections.set(reason, (rejections.get(reason) ?? 0) + 1);
    for (const event of by?.wakeOn ?? []) wakeOn.add(event);
  }
  return { feasible, nodesAsked, rejections, wakeOn };
}

/** Half of a small cluster, ever less of a larger one, but never fewer than a hundred. */
function feasibleNodesWanted(nodeCount: number): number {
  if (nodeCount <= FEASIBLE_NODES_MIN) return nodeCount;
  const percent = Math.max(50 - Math.floor(nodeCount / 125), FEASIBLE_PERCENT_MIN);
  return Math.max(Math.floor((nodeCount * percent) / 100), FEASIBLE_NODES_MIN);
}

function askFilters(node: NodeInfo, active: readonly ActivePlugin[]): { readonly verdict: Verdict; readonly by?: SchedulerPlugin } {
  for (const { plugin, cycle } of active) {
    const verdict = cycle.filter?.(node) ?? fits;
    if (!verdict.fits) return { verdict, by: plugin };
  }
  return { verdict: fits };
}

function scoreNodes(feasible: readonly NodeInfo[], active: readonly ActivePlugin[]): readonly number[] {
  const totals = feasible.map(() => 0);
  for (const { plugin, cycle } of active) {
    const scorer = cycle.prepareScore?.(feasible);
    if (scorer === undefined) continue;
    const raw = feasible.map((node) => scorer.score(node));
    const scores = scorer.normalise?.(raw) ?? raw;
    scores.forEach((score, index) => {
      totals[index] = (totals[index] ?? 0) + score * plugin.weight;
    });
  }
  return totals;
}

/** Dice among equals, else the first node of the list would get everything. */
function pickBest(feasible: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo {
  const best = Math.max(...scores);
  const equals = feasible.filter((_, index) => scores[index] === best);
  const chosen = equals[Math.floor(random.next() * equals.length)];
  if (chosen === undefined) throw new Error('no node to choose from');
  return chosen;
}
