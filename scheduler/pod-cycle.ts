/**
 * One pod's cycle through its profile: every plugin has prepared for the pod and the snapshot, and the extension points are asked from here,
 * each plugin in its turn.
 */

import { type NodeInfo, withPod } from './node-info.ts';
import type { Nominations } from './nominations.ts';
import {
  type BindingPoints,
  fits,
  type Misfit,
  neverFits,
  type PluginCycle,
  type Rejection,
  type SchedulerPlugin,
  type Scorer,
  type Verdict,
  type WhatIf,
} from './plugin.ts';
import type { PodInfo } from './pod-info.ts';
import { type ExtensionPoint, type Profile, pluginsOf } from './profile.ts';
import type { Snapshot } from './snapshot.ts';

export interface PodCycle extends WhatIf {
  readonly pod: PodInfo;
  readonly profile: Profile;
  readonly snapshot: Snapshot;
  readonly preFilter: PreFilterOutcome;
  /** Undefined when the node will do; `node` as for `verdictOn`. */
  rejectionOf(node: NodeInfo): Rejection | undefined;
  /** All plugins that have something against the node as it is, not only the first. */
  rejectionsOf(node: NodeInfo): readonly Rejection[];
  /** The scorers that have an opinion, with their weights. */
  prepareScorers(feasible: readonly NodeInfo[]): readonly WeightedScorer[];
  /** The plugins of a point that have it for this pod, in order. */
  pointsOf<Point extends keyof BindingPoints>(point: Point, list: ExtensionPoint): readonly NamedPoint<Point>[];
}

export type PreFilterOutcome =
  /** No node will do. */
  | { readonly rejection: Rejection }
  /** Only these may; the others are rejected for the reason. */
  | { readonly nodeNames: ReadonlySet<string>; readonly others: Misfit; readonly by: readonly string[] }
  | { readonly nodeNames: undefined };

export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}

export interface NamedPoint<Point extends keyof BindingPoints> {
  readonly name: string;
  readonly run: NonNullable<BindingPoints[Point]>;
}

export function preparePodCycle(pod: PodInfo, profile: Profile, snapshot: Snapshot, nominations: Nominations): PodCycle {
  const cycles = new Map<SchedulerPlugin, PluginCycle>();
  for (const plugin of pluginsOf(profile)) cycles.set(plugin, plugin.prepare?.(pod, snapshot) ?? {});
  const at = <Found>(list: ExtensionPoint, find: (cycle: PluginCycle, name: string, weight: number) => Found | undefined): Found[] => {
    const found: Found[] = [];
    for (const { plugin, weight } of profile.points[list]) {
      const cycle = cycles.get(plugin);
      const one = cycle && find(cycle, plugin.name, weight);
      if (one !== undefined) found.push(one);
    }
    return found;
  };
  const filters = at('filter', ({ filter }, name) => filter && { name, filter });
  const simulated = at('preFilter', (cycle) => (cycle.addPod === undefined ? undefined : cycle));

  const ask = (node: NodeInfo): Rejection | undefined => {
    for (const { name, filter } of filters) {
      const verdict = filter(node);
      if (!verdict.fits) return { verdict, by: name };
    }
    return undefined;
  };
  const addPod = (other: PodInfo, node: NodeInfo): void => {
    for (const cycle of simulated) cycle.addPod?.(other, node);
  };
  const removePod = (other: PodInfo, node: NodeInfo): void => {
    for (const cycle of simulated) cycle.removePod?.(other, node);
  };
  /** The node must do with the pods that are nominated to it and come first, and without them: they may yet go elsewhere. */
  const rejectionOf = (node: NodeInfo): Rejection | undefined => {
    const nominated = nominations.onNode(node.name).filter(({ uid, priority }) => priority >= pod.priority && uid !== pod.uid);
    if (nominated.length === 0) return ask(node);
    for (const other of nominated) addPod(other, node);
    const rejection = ask(nominated.reduce(withPod, node));
    for (const other of nominated) removePod(other, node);
    return rejection ?? ask(node);
  };

  return {
    pod,
    profile,
    snapshot,
    preFilter: combinePreFilters(at('preFilter', ({ preFilter }, name) => preFilter && { name, preFilter })),
    addPod,
    removePod,
    rejectionOf,
    rejectionsOf: (node) =>
      filters.flatMap(({ name, filter }) => {
        const verdict = filter(node);
        return verdict.fits ? [] : [{ verdict, by: name }];
      }),
    verdictOn: (node): Verdict => rejectionOf(node)?.verdict ?? fits,
    prepareScorers: (feasible) =>
      at('score', ({ prepareScore }, _name, weight) => {
        const scorer = prepareScore?.(feasible);
        return scorer && { scorer, weight };
      }),
    pointsOf: (point, list) =>
      at(list, (cycle, name) => {
        const run = cycle[point];
        return run === undefined ? undefined : { name, run };
      }),
  };
}

interface NamedPreFilter {
  readonly name: string;
  readonly preFilter: NonNullable<PluginCycle['preFilter']>;
}

/** The first plugin that rejects the pod decides; what several leave over is what all of them leave over. */
function combinePreFilters(preFilters: readonly NamedPreFilter[]): PreFilterOutcome {
  let nodeNames: ReadonlySet<string> | undefined;
  const by: string[] = [];
  for (const { name, preFilter } of preFilters) {
    if ('fits' in preFilter) return { rejection: { verdict: preFilter, by: name } };
    by.push(name);
    nodeNames = nodeNames?.intersection(preFilter.nodeNames) ?? preFilter.nodeNames;
    if (nodeNames.size > 0) continue;
    const reason = by.length === 1 ? `plugin ${name}` : `plugin(s) [${by.toSorted().join(' ')}] simultaneously`;
    return { rejection: { verdict: neverFits(`node(s) didn't satisfy ${reason}`), by: name } };
  }
  if (nodeNames === undefined) return { nodeNames };
  return { nodeNames, others: neverFits(`node(s) didn't satisfy plugin(s) [${by.toSorted().join(' ')}]`), by };
}
