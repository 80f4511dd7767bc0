/**
 * What the scheduler believes the cluster to be: the nodes, and the pods on each. Fed by informers, plus the scheduler's own assumption that
 * a pod is where it is just being bound to, so that the next cycle does not give the same room away twice. A cycle works on a snapshot.
 */
import type { Node, Pod } from '#api/generated/types.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';

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
  snapshot(): readonly NodeInfo[];
}

interface Placement {
  readonly info: PodInfo;
  readonly nodeName: string;
  readonly isAssumed: boolean;
}

export function createClusterCache(): ClusterCache {
  const nodes = new Map<string, Node>();
  const placements = new Map<string, Placement>();
  const podsByNode = new Map<string, Map<string, PodInfo>>();
  /** What was built before and still holds. */
  const built = new Map<string, NodeInfo>();
  let snapshot: readonly NodeInfo[] | undefined;

  const invalidate = (nodeName: string): void => {
    built.delete(nodeName);
    snapshot = undefined;
  };
  const unplace = (uid: string): void => {
    const placement = placements.get(uid);
    if (placement === undefined) return;
    placements.delete(uid);
    podsByNode.get(placement.nodeName)?.delete(uid);
    invalidate(placement.nodeName);
  };
  const place = (placement: Placement): void => {
    const { uid } = placement.info.pod.metadata;
    unplace(uid);
    placements.set(uid, placement);
    const pods = podsByNode.get(placement.nodeName) ?? new Map<string, PodInfo>();
    podsByNode.set(placement.nodeName, pods.set(uid, placement.info));
    invalidate(placement.nodeName);
  };
  const infoOf = (node: Node): NodeInfo => {
    const { name } = node.metadata;
    const info = built.get(name) ?? nodeInfoOf(node, [...(podsByNode.get(name)?.values() ?? [])]);
    built.set(name, info);
    return info;
  };

  return {
    setNode: (node) => {
      nodes.set(node.metadata.name, node);
      invalidate(node.metadata.name);
    },
    removeNode: (name) => {
      nodes.delete(name);
      invalidate(name);
    },
    setPod: (pod) => place({ info: podInfoOf(pod), nodeName: pod.spec.nodeName ?? '', isAssumed: false }),
    removePod: unplace,
    assume: (info, nodeName) => place({ info, nodeName, isAssumed: true }),
    forget: (uid) => {
      if (placements.get(uid)?.isAssumed) unplace(uid);
    },
    snapshot: () => {
      snapshot ??= [...nodes.values()].map(infoOf);
      return snapshot;
    },
  };
}
