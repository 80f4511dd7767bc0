/**
 * What a scheduling plugin is: a name, and the extension points it takes part in. A profile puts plugins into one ordered list per extension
 * point. What belongs to one pod's cycle comes from `prepare`, which is called once per pod and snapshot: what it works out lives in the
 * closures it returns, so no state needs a name or a type of its own. Upstream's pre-filter is `preFilter`, pre-score is `prepareScore`.
 */
import type { Pod } from '#api/generated/types.ts';
import type { Hints } from './cluster-event.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import type { Snapshot } from './snapshot.ts';

/** The best a plugin can say of a node; the worst is 0. */
export const SCORE_MAX = 100;

export interface Fits {
  readonly fits: true;
}

export interface Misfit {
  readonly fits: false;
  /** In the words that users see after a count of nodes. */
  readonly reasons: readonly string[];
  /** Whether fewer pods on the node could change it: upstream's Unschedulable, as against UnschedulableAndUnresolvable. */
  readonly mayPreemptionHelp: boolean;
}

/** Whether a node will do, and if not why. */
export type Verdict = Fits | Misfit;

export const fits: Fits = { fits: true };

export function doesNotFit(...reasons: readonly string[]): Misfit {
  return { fits: false, reasons, mayPreemptionHelp: true };
}

/** The same where removing pods would not help. */
export function neverFits(...reasons: readonly string[]): Misfit {
  return { fits: false, reasons, mayPreemptionHelp: false };
}

export interface SchedulerPlugin extends QueueSort, PreEnqueue, PostFilter {
  /** Upstream's name, as in configuration and in messages. */
  readonly name: string;
  /** What may help a pod that this plugin rejected. */
  readonly hints: Hints;
  /** Called once per pod and cycle. A plugin without an opinion on this pod leaves methods out. */
  prepare?(pod: PodInfo, snapshot: Snapshot): PluginCycle;
}

export interface QueueSort {
  /** Whose turn it is first; undefined when it makes no difference. */
  comesBefore?(left: Pod, right: Pod): boolean | undefined;
}

export interface PreEnqueue {
  /** Whether the pod may be tried at all. */
  preEnqueue?(pod: Pod): Verdict;
}

export interface PostFilter {
  /** Asked when no node will do, whether something can be done about it. */
  postFilter?(failure: FilterFailure): PostFilterOutcome;
}

export interface PluginCycle extends FilterPoint, ScorePoint, BindingPoints {}

export interface FilterPoint {
  /** That no node will do, or that only these can. */
  readonly preFilter?: Misfit | { readonly nodeNames: ReadonlySet<string> };
  /** Asked for each node that no plugin before has rejected. */
  filter?(node: NodeInfo): Verdict;
  /** From here on `filter` answers as if the pod were on the node, too. */
  addPod?(pod: PodInfo, node: NodeInfo): void;
  /** The reverse: as if it were not. */
  removePod?(pod: PodInfo, node: NodeInfo): void;
}

export interface ScorePoint {
  /** Called once with the nodes that all plugins let pass, when there are several; undefined when it makes no difference to this pod. */
  prepareScore?(feasible: readonly NodeInfo[]): Scorer | undefined;
}

export interface Scorer {
  score(node: NodeInfo): number;
  /** Brings the scores of all feasible nodes to 0…`SCORE_MAX`; absent when they are already. */
  normalise?(scores: readonly number[]): readonly number[];
}

/** From the choice of a node to the pod's binding to it. All but `reserve` and `unreserve` may take their time: the next cycle does not wait. */
export interface BindingPoints {
  /** Sets aside what the pod will use on the node. */
  reserve?(nodeName: string): Verdict;
  /** Gives it back; also called when `reserve` itself refused, and more than once. */
  unreserve?(nodeName: string): void;
  /** May hold the pod back until it says yes or no. */
  permit?(nodeName: string, signal: AbortSignal): Promise<Verdict>;
  /** What must be done before the pod may be bound. */
  preBind?(nodeName: string, signal: AbortSignal): Promise<Verdict>;
  /** The first plugin that has it binds the pod. Throws what the server answers. */
  bind?(nodeName: string): Promise<void>;
  postBind?(nodeName: string): void;
}

/** How a node was rejected. */
export interface Rejection {
  readonly verdict: Misfit;
  readonly by: string;
}

/** No node would do. */
export interface FilterFailure {
  readonly pod: PodInfo;
  readonly snapshot: Snapshot;
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** How nodes that are not among them were rejected. */
  readonly others?: Misfit;
  readonly whatIf: WhatIf;
}

/** Asks the filters of this cycle about a cluster that is not quite the snapshot's. */
export interface WhatIf {
  addPod(pod: PodInfo, node: NodeInfo): void;
  removePod(pod: PodInfo, node: NodeInfo): void;
  /** `node` is what it would be; pods that are nominated to it count, as far as they come first. */
  verdictOn(node: NodeInfo): Verdict;
}

export interface PostFilterOutcome {
  /** What is said after the reasons of the nodes. */
  readonly message: string;
  /** Where the pod will go once the victims are gone; absent when nothing could be done. */
  readonly nomination?: Nomination;
  /** The pod's earlier nomination holds; without it and without a new one it is withdrawn. */
  readonly keepsNomination?: boolean;
}

export interface Nomination {
  readonly nodeName: string;
  readonly victims: readonly PodInfo[];
}

/** Scales so that the highest becomes `SCORE_MAX`. */
export function normaliseToMax(scores: readonly number[]): readonly number[] {
  const max = maxOf(scores);
  return max <= 0 ? scores : scores.map((score) => Math.floor((score * SCORE_MAX) / max));
}

/** The same for scores that count what is bad. */
export function normaliseReversed(scores: readonly number[]): readonly number[] {
  return normaliseToMax(scores).map((score) => SCORE_MAX - score);
}

/** Of any number of scores: a call with thousands of arguments is slow, and ends somewhere. */
export function maxOf(scores: readonly number[]): number {
  return scores.reduce((max, score) => Math.max(max, score), Number.NEGATIVE_INFINITY);
}

export function minOf(scores: readonly number[]): number {
  return scores.reduce((min, score) => Math.min(min, score), Number.POSITIVE_INFINITY);
}
