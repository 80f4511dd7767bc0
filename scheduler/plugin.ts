/**
 * What a scheduling plugin is. Each cycle asks every plugin to `prepare` for one pod and one snapshot; what it works out there lives in the
 * closures it returns, so no state needs a name or a type of its own. Upstream's extension points map to: pre-filter → `prepare`, filter →
 * `filter`, pre-score → `prepareScore`, score and normalise → `Scorer`. Queue order and binding have one way each and are not pluggable.
 */
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** The best a plugin can say of a node; the worst is 0. */
export const SCORE_MAX = 100;

/** Whether a node will do, and if not why, in the words that users see after a count of nodes. */
export type Verdict = { readonly fits: true } | { readonly fits: false; readonly reasons: readonly string[] };

export const fits: Verdict = { fits: true };

export function doesNotFit(...reasons: readonly string[]): Verdict {
  return { fits: false, reasons };
}

/** What may have happened that lets a rejected pod be scheduled after all. */
export type ClusterEvent =
  /** A node came, or its labels, taints, room or schedulability changed. */
  | 'node-changed'
  /** A pod was bound to a node, or the labels of a bound pod changed. */
  | 'pod-placed'
  /** A bound pod ended, left, or needs less. */
  | 'pod-left';

export interface SchedulerPlugin {
  /** Upstream's name, for logs. */
  readonly name: string;
  /** By how much its score counts among the others'; 0 for a plugin that has none. */
  readonly weight: number;
  /** What wakes a pod that this plugin rejected. */
  readonly wakeOn: readonly ClusterEvent[];
  /** Called once per pod and cycle. A plugin without an opinion on this pod leaves methods out. */
  prepare(pod: PodInfo, nodes: readonly NodeInfo[]): PluginCycle;
}

export interface PluginCycle {
  /** Asked for each node that no plugin before has rejected. */
  filter?(node: NodeInfo): Verdict;
  /** Called once with the nodes that all plugins let pass, when there are several; undefined when it makes no difference to this pod. */
  prepareScore?(feasible: readonly NodeInfo[]): Scorer | undefined;
}

export interface Scorer {
  score(node: NodeInfo): number;
  /** Brings the scores of all feasible nodes to 0…`SCORE_MAX`; absent when they are already. */
  normalise?(scores: readonly number[]): readonly number[];
}

/** Scales so that the highest becomes `SCORE_MAX`. */
export function normaliseToMax(scores: readonly number[]): readonly number[] {
  const max = Math.max(0, ...scores);
  return max === 0 ? scores : scores.map((score) => Math.floor((score * SCORE_MAX) / max));
}

/** The same for scores that count what is bad. */
export function normaliseReversed(scores: readonly number[]): readonly number[] {
  return normaliseToMax(scores).map((score) => SCORE_MAX - score);
}
