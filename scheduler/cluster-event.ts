/**
 * What happens in the cluster that may let a rejected pod be scheduled after all. Each plugin says by `Hints` which events may help the pods
 * it rejected; a hint sees the pod and the event, so that a pod is not tried again for what cannot help it.
 */
import type { Node, Pod } from '#api/generated/types.ts';

export type ClusterEvent =
  | { readonly name: 'node-added'; readonly node: Node }
  /** Its labels, taints, room or schedulability changed. */
  | { readonly name: 'node-changed'; readonly node: Node; readonly previous: Node }
  /** A pod was bound to a node. */
  | { readonly name: 'pod-placed'; readonly pod: Pod }
  /** The labels of a bound pod changed, it needs other amounts, or it is on its way out. */
  | { readonly name: 'pod-changed'; readonly pod: Pod; readonly previous: Pod }
  /** A bound pod ended or left, or one that was about to be bound was not. */
  | { readonly name: 'pod-left'; readonly pod: Pod };

export type EventName = ClusterEvent['name'];

/** An event that is not named does not help; one that is helps when its function says so. */
export type Hints = { readonly [Name in EventName]?: (pod: Pod, event: Extract<ClusterEvent, { readonly name: Name }>) => boolean };

export const always = (): boolean => true;

/** Whether the event may help the pod, as one plugin sees it. */
export function mayHelp(hints: Hints, pod: Pod, event: ClusterEvent): boolean {
  switch (event.name) {
    case 'node-added':
      return hints[event.name]?.(pod, event) ?? false;
    case 'node-changed':
      return hints[event.name]?.(pod, event) ?? false;
    case 'pod-placed':
      return hints[event.name]?.(pod, event) ?? false;
    case 'pod-changed':
      return hints[event.name]?.(pod, event) ?? false;
    case 'pod-left':
      return hints[event.name]?.(pod, event) ?? false;
  }
}

/** For plugins that look at a node alone: a node helps when it is new and passes, or passes now and did not before. */
export function nodeHints(passes: (pod: Pod, node: Node) => boolean): Hints {
  return {
    'node-added': (pod, { node }) => passes(pod, node),
    'node-changed': (pod, { node, previous }) => passes(pod, node) && !passes(pod, previous),
  };
}
