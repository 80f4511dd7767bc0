/** The index of a snapshot's shapes, kept up to date pod by pod: it costs the same however many pods there are. */
import type { PodShape } from './pod-shape.ts';
import type { ShapeIndex, ShapePlaces } from './snapshot.ts';

export interface WritableShapeIndex extends ShapeIndex {
  add(shape: PodShape, nodeName: string): void;
  remove(shape: PodShape, nodeName: string): void;
}

interface Places extends ShapePlaces {
  readonly nodes: Map<string, number>;
}

const none: readonly ShapePlaces[] = [];

export function createShapeIndex(): WritableShapeIndex {
  const byKey = new Map<string, Places>();
  const byNamespace = new Map<string, Set<Places>>();
  const affine = new Set<Places>();
  const antiAffine = new Set<Places>();

  const enter = (shape: PodShape): Places => {
    const places: Places = { shape, nodes: new Map() };
    byKey.set(shape.key, places);
    byNamespace.set(shape.namespace, (byNamespace.get(shape.namespace) ?? new Set()).add(places));
    if (shape.hasAffinity) affine.add(places);
    if (shape.requiredAntiAffinity.length > 0) antiAffine.add(places);
    return places;
  };
  const leave = (places: Places): void => {
    const { key, namespace } = places.shape;
    byKey.delete(key);
    affine.delete(places);
    antiAffine.delete(places);
    const siblings = byNamespace.get(namespace);
    siblings?.delete(places);
    if (siblings?.size === 0) byNamespace.delete(namespace);
  };

  return {
    add: (shape, nodeName) => {
      const { nodes } = byKey.get(shape.key) ?? enter(shape);
      nodes.set(nodeName, (nodes.get(nodeName) ?? 0) + 1);
    },
    remove: (shape, nodeName) => {
      const places = byKey.get(shape.key);
      const count = places?.nodes.get(nodeName);
      if (places === undefined || count === undefined) return;
      if (count > 1) places.nodes.set(nodeName, count - 1);
      else places.nodes.delete(nodeName);
      if (places.nodes.size === 0) leave(places);
    },
    all: () => byKey.values(),
    inNamespace: (namespace) => byNamespace.get(namespace) ?? none,
    withAffinity: () => affine,
    withRequiredAntiAffinity: () => antiAffine,
  };
}
