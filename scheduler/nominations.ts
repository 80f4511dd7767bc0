/**
 * Pods that a node is being cleared for: until they are bound their room is not to be given to pods that come after them. Known from the
 * pods' statuses, and, from the moment of the decision on, from the scheduler itself.
 */
import type { Pod } from '#api/generated/types.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';

export interface Nominations {
  onNode(nodeName: string): readonly PodInfo[];
  nodeOf(uid: string): string | undefined;
  set(pod: PodInfo, nodeName: string): void;
  remove(uid: string): void;
  /** What a pod without a node says of itself; a nomination that its status has not caught up with yet stays. */
  follow(pod: Pod, previous: Pod | undefined): void;
}

const none: readonly PodInfo[] = [];

export function createNominations(): Nominations {
  const byNode = new Map<string, Map<string, PodInfo>>();
  const nodeByUid = new Map<string, string>();

  const remove = (uid: string): void => {
    const nodeName = nodeByUid.get(uid);
    if (nodeName === undefined) return;
    nodeByUid.delete(uid);
    const pods = byNode.get(nodeName);
    pods?.delete(uid);
    if (pods?.size === 0) byNode.delete(nodeName);
  };
  const set = (pod: PodInfo, nodeName: string): void => {
    remove(pod.uid);
    nodeByUid.set(pod.uid, nodeName);
    byNode.set(nodeName, (byNode.get(nodeName) ?? new Map<string, PodInfo>()).set(pod.uid, pod));
  };

  return {
    onNode: (nodeName) => {
      const pods = byNode.get(nodeName);
      return pods === undefined ? none : [...pods.values()];
    },
    nodeOf: (uid) => nodeByUid.get(uid),
    set,
    remove,
    follow: (pod, previous) => {
      const { uid } = pod.metadata;
      const nodeName = pod.status?.nominatedNodeName ?? '';
      const before = previous?.status?.nominatedNodeName ?? '';
      if (nodeName !== '' && nodeName !== before) set(podInfoOf(pod), nodeName);
      else if (nodeName === '' && before !== '') remove(uid);
    },
  };
}
