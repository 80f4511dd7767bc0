/**
 * What the scheduler believes the cluster to be: the nodes, and the pods on each. Fed by informers, plus the scheduler's own assumption that
 * a pod is where it is just being bound to, so that the next cycle does not give the same room away twice. A cycle works on a snapshot, which
 * costs as much as has changed since the last one.
 */
import type { Node, Pod } from '#api/generated/types.ts';
import { type NodeInfo, nodeInfoOf, withNode, withoutPod, withPod } from './node-info.ts';
import { interleaveZones, zoneOf } from './node-order.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';
import { createShapeIndex } from './shape-index.ts';
import type { Snapshot } from './snapshot.ts';
import { createTally } from './tally.ts';

export interface ClusterCache {
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** A pod that the server says is bound; ends the assumption about it. */
  setPod(pod: Pod): void;
  removePod(uid: string): void;
  assume(pod: PodInfo, nodeName: string): void;
  /** Takes back an assumption that did not come true; one that the server has confirmed meanwhile stays. */
  forget(uid: string): void;
  /** The same value until something changes. */
  snapshot(): Snapshot;
}

interface Placement {
  readonly info: PodInfo;
  readonly nodeName: string;
  readonly isAssumed: boolean;
}

export function createClusterCache(): ClusterCache {
  const infos = new Map<string, NodeInfo>();
  const placements = new Map<string, Placement>();
  /** Pods of nodes that are not known, yet or any more. */
  const homeless = new Map<string, Map<string, PodInfo>>();
  const shapes = createShapeIndex();
  const claimUsers = createTally();
  const imageNodes = createTally();
  /** Names in the order of the snapshot; undefined when it must be worked out anew. */
  let positions: Map<string, number> | undefined;
  const changed = new Set<string>();
  let snapshot: Snapshot | undefined;

  const put = (info: NodeInfo): void => {
    infos.set(info.name, info);
    changed.add(info.name);
    snapshot = undefined;
  };
  const homelessOf = (nodeName: string): Map<string, PodInfo> => {
    const pods = homeless.get(nodeName) ?? new Map<string, PodInfo>();
    homeless.set(nodeName, pods);
    return pods;
  };
  const unplace = (uid: string): void => {
    const placement = placements.get(uid);
    if (placement === undefined) return;
    const { info, nodeName } = placement;
    placements.delete(uid);
    shapes.remove(info.shape, nodeName);
    for (const key of info.claimKeys) claimUsers.add(key, -1);
    const node = infos.get(nodeName);
    if (node !== undefined) {
      put(withoutPod(node, info));
      return;
    }
    const pods = homelessOf(nodeName);
    pods.delete(uid);
    if (pods.size === 0) homeless.delete(nodeName);
  };
  const place = (placement: Placement): void => {
    const { info, nodeName } = placement;
    unplace(info.uid);
    placements.set(info.uid, placement);
    shapes.add(info.shape, nodeName);
    for (const key of info.claimKeys) claimUsers.add(key, 1);
    const node = infos.get(nodeName);
    if (node === undefined) homelessOf(nodeName).set(info.uid, info);
    else put(withPod(node, info));
  };
  const listNodes = (): readonly NodeInfo[] => {
    if (positions === undefined) {
      const ordered = interleaveZones([...infos.values()]);
      positions = new Map(ordered.map(({ name }, index) => [name, index]));
      nodes = ordered;
    } else if (changed.size > 0) {
      const next = nodes.slice();
      for (const name of changed) {
        const [position, info] = [positions.get(name), infos.get(name)];
        if (position !== undefined && info !== undefined) next[position] = info;
      }
      nodes = next;
    }
    changed.clear();
    return nodes;
  };
  let nodes: readonly NodeInfo[] = [];

  return {
    setNode: (node) => {
      const { name } = node.metadata;
      const known = infos.get(name);
      if (known === undefined || zoneOf(known.node) !== zoneOf(node)) positions = undefined;
      const info = known === undefined ? nodeInfoOf(node, [...(homeless.get(name)?.values() ?? [])]) : withNode(known, node);
      for (const image of known?.images.keys() ?? []) imageNodes.add(image, -1);
      for (const image of info.images.keys()) imageNodes.add(image, 1);
      put(info);
      homeless.delete(name);
    },
    removeNode: (name) => {
      const known = infos.get(name);
      if (known === undefined) return;
      infos.delete(name);
      for (const image of known.images.keys()) imageNodes.add(image, -1);
      if (known.pods.length > 0) homeless.set(name, new Map(known.pods.map((pod) => [pod.uid, pod])));
      positions = undefined;
      snapshot = undefined;
    },
    setPod: (pod) => place({ info: podInfoOf(pod), nodeName: pod.spec.nodeName ?? '', isAssumed: false }),
    removePod: unplace,
    assume: (info, nodeName) => place({ info, nodeName, isAssumed: true }),
    forget: (uid) => {
      if (placements.get(uid)?.isAssumed) unplace(uid);
    },
    snapshot: () => {
      snapshot ??= {
        nodes: listNodes(),
        find: (name) => infos.get(name),
        shapes,
        claimUsers: claimUsers.get,
        nodesWithImage: imageNodes.get,
      };
      return snapshot;
    },
  };
}
