/**
 * The cluster as one cycle sees it: nodes with their pods, and where pods of each shape are. A cycle decides without a pause, so nothing in
 * here changes while it does.
 */
import type { NodeInfo } from './node-info.ts';
import type { PodShape } from './pod-shape.ts';

export interface Snapshot {
  /** In the order in which they are to be asked: neighbours are in different zones. */
  readonly nodes: readonly NodeInfo[];
  find(nodeName: string): NodeInfo | undefined;
  readonly shapes: ShapeIndex;
  /** How many pods on nodes use a claim, by `namespace/name`. */
  claimUsers(claimKey: string): number;
  /** How many nodes have an image. */
  nodesWithImage(imageName: string): number;
}

/** How many pods of a shape are on each node, by the node's name. A node may be one that the snapshot does not have. */
export interface ShapePlaces {
  readonly shape: PodShape;
  readonly nodes: ReadonlyMap<string, number>;
}

export interface ShapeIndex {
  all(): Iterable<ShapePlaces>;
  inNamespace(namespace: string): Iterable<ShapePlaces>;
  /** Those that want other pods near, or far. */
  withAffinity(): Iterable<ShapePlaces>;
  withRequiredAntiAffinity(): Iterable<ShapePlaces>;
}
