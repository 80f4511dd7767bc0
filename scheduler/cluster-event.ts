/**
 * What happens in the cluster that may let a rejected pod be scheduled after all. Each plugin says by `Hints` which events may help the pods
 * it rejected; a hint sees the pod and the event, so that a pod is not tried again for what cannot help it.
 */
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from '#api/generated/types.ts';

interface EventDetails {
  readonly 'node-added': { readonly node: Node };
  readonly 'node-removed': { readonly node: Node };
  /** Its labels, taints, room or schedulability changed. */
  readonly 'node-changed': { readonly node: Node; readonly previous: Node };
  /** A pod was bound to a node. */
  readonly 'pod-placed': { readonly pod: Pod };
  /** The labels of a bound pod changed, it needs other amounts, or it is on its way out. */
  readonly 'pod-changed': { readonly pod: Pod; readonly previous: Pod };
  /** A bound pod ended or left, or one that was about to be bound was not. */
  readonly 'pod-left': { readonly pod: Pod };
  /** Came or changed. */
  readonly 'claim-changed': { readonly claim: PersistentVolumeClaim };
  readonly 'volume-changed': { readonly volume: PersistentVolume };
  /** What says how volumes are made, and where, came or changed. */
  readonly 'storage-changed': { readonly object: StorageClass | CSINode | CSIDriver | CSIStorageCapacity };
}

export type EventName = keyof EventDetails;

export type ClusterEvent<Name extends EventName = EventName> = {
  readonly [One in Name]: { readonly name: One } & EventDetails[One];
}[Name];

/** An event that is not named does not help; one that is helps when its function says so. */
export type Hints = { readonly [Name in EventName]?: (pod: Pod, event: ClusterEvent<Name>) => boolean };

export const always = (): boolean => true;

/** Whether the event may help the pod, as one plugin sees it. */
export function mayHelp<Name extends EventName>(hints: Hints, pod: Pod, event: ClusterEvent<Name>): boolean {
  const hint: Hints[Name] = hints[event.name];
  return hint?.(pod, event) ?? false;
}

/** The events that the hints name. */
export function eventsOf(hints: Hints): readonly EventName[] {
  return eventNames.filter((name) => hints[name] !== undefined);
}

export const eventNames = [
  'node-added',
  'node-removed',
  'node-changed',
  'pod-placed',
  'pod-changed',
  'pod-left',
  'claim-changed',
  'volume-changed',
  'storage-changed',
] as const satisfies readonly EventName[];

/** For plugins that look at a node alone: a node helps when it is new and passes, or passes now and did not before. */
export function nodeHints(passes: (pod: Pod, node: Node) => boolean): Hints {
  return {
    'node-added': (pod, { node }) => passes(pod, node),
    'node-changed': (pod, { node, previous }) => passes(pod, node) && !passes(pod, previous),
  };
}
