/**
 * A profile: what is done for the pods of one scheduler name, as an ordered list of plugins per extension point. A pod names its profile by
 * `spec.schedulerName`.
 */

import type { Pod } from '#api/generated/types.ts';
import { type ClusterEvent, type EventName, eventNames, eventsOf, mayHelp } from './cluster-event.ts';
import type { SchedulerPlugin } from './plugin.ts';

export interface Profile {
  readonly schedulerName: string;
  /** Of the nodes, how many must be found to fit before the search ends; undefined: fewer, the larger the cluster is. */
  readonly percentageOfNodesToScore?: number;
  readonly points: Readonly<Record<ExtensionPoint, readonly EnabledPlugin[]>>;
}

/** The profile of pods that name none. */
export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

/** As configuration names them. What upstream's plugins do before they score goes with `score` here; `preScore` alone says nothing. */
export type ExtensionPoint =
  | 'preEnqueue'
  | 'queueSort'
  | 'preFilter'
  | 'filter'
  | 'postFilter'
  | 'preScore'
  | 'score'
  | 'reserve'
  | 'permit'
  | 'preBind'
  | 'bind'
  | 'postBind';

/** What `make` gives for each point, by its name. */
export function atEachPoint<Made>(make: (point: ExtensionPoint) => Made): Readonly<Record<ExtensionPoint, Made>> {
  return {
    preEnqueue: make('preEnqueue'),
    queueSort: make('queueSort'),
    preFilter: make('preFilter'),
    filter: make('filter'),
    postFilter: make('postFilter'),
    preScore: make('preScore'),
    score: make('score'),
    reserve: make('reserve'),
    permit: make('permit'),
    preBind: make('preBind'),
    bind: make('bind'),
    postBind: make('postBind'),
  };
}

export interface EnabledPlugin {
  readonly plugin: SchedulerPlugin;
  /** By how much its score counts among the others'. */
  readonly weight: number;
}

/** Every plugin of the profile once. */
export function pluginsOf({ points }: Profile): ReadonlySet<SchedulerPlugin> {
  return new Set(
    Object.values(points)
      .flat()
      .map(({ plugin }) => plugin),
  );
}

/** Whether one of the plugins that rejected the pod says that the event may help it; where none did, as without any node, everything may. */
export function mayHelpRejected(profile: Profile, rejectedBy: ReadonlySet<string>, pod: Pod, event: ClusterEvent): boolean {
  if (rejectedBy.size === 0) return true;
  for (const plugin of pluginsOf(profile)) {
    if (rejectedBy.has(plugin.name) && mayHelp(plugin.hints, pod, event)) return true;
  }
  return false;
}

/** The events that these plugins have hints for. */
export function eventsAwaited(profile: Profile, rejectedBy: ReadonlySet<string>): ReadonlySet<EventName> {
  if (rejectedBy.size === 0) return new Set(eventNames);
  return new Set([...pluginsOf(profile)].filter(({ name }) => rejectedBy.has(name)).flatMap(({ hints }) => eventsOf(hints)));
}
