/**
 * What a DaemonSet does to its pods in one step: which it deletes and on which nodes it makes new ones. `planNodes` keeps one pod on each node
 * that should have one; when there is nothing left for it to do, `rolling-update.ts` replaces old pods. Pure. Upstream: podsShouldBeOnNode.
 */
import type { DaemonSet, Node, Pod } from '#api/generated/types.ts';
import { resolveShare } from '#api/meta/share.ts';
import type { Action } from '#client/apply-actions.ts';
import { isAvailable, isOver, isReady } from '../pod-readiness.ts';
import { isUpToDate, placementOn, targetNode } from './daemon-pods.ts';

export interface Daemons {
  readonly daemonSet: DaemonSet;
  /** The present template's. */
  readonly hash: string;
  readonly nodes: readonly Node[];
  /** By the node they are on or meant for, the oldest first; without those that have ended and are being deleted. */
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
  readonly nowMs: number;
  /** Milliseconds until this failed pod may be replaced; 0: now. */
  readonly failedPodWaitMs: (nodeName: string, pod: Pod) => number;
}

export interface DaemonPlan {
  readonly deletions: readonly Pod[];
  /** Names of nodes that get a pod. */
  readonly creations: readonly string[];
  readonly events: readonly Action[];
  /** When to look again, for failed pods that are left alone for now. */
  readonly waitsMs: readonly number[];
}

const nothing: DaemonPlan = { deletions: [], creations: [], events: [], waitsMs: [] };

export function groupByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const lasting = pods.filter((pod) => !(isOver(pod) && pod.metadata.deletionTimestamp !== undefined));
  const placed = lasting.toSorted(compareAges).flatMap((pod) => {
    const node = targetNode(pod);
    return node === undefined ? [] : [{ node, pod }];
  });
  const groups = Map.groupBy(placed, ({ node }) => node);
  return new Map([...groups].map(([node, members]) => [node, members.map(({ pod }) => pod)]));
}

export function planNodes(daemons: Daemons): DaemonPlan {
  const names = new Set(daemons.nodes.map(({ metadata }) => metadata.name));
  // Pods for nodes that are gone are never scheduled, and the pod garbage collector only looks at those that were.
  const stranded = [...daemons.podsByNode]
    .filter(([node]) => !names.has(node))
    .flatMap(([, pods]) => pods.filter(({ metadata, spec }) => (spec.nodeName ?? '') === '' && metadata.deletionTimestamp === undefined));
  return mergePlans([...daemons.nodes.map((node) => planNode(daemons, node)), { ...nothing, deletions: stranded }]);
}

function planNode(daemons: Daemons, node: Node): DaemonPlan {
  const { name } = node.metadata;
  const { shouldRun, mayStay } = placementOn(daemons.daemonSet, node);
  const pods = daemons.podsByNode.get(name) ?? [];
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pods.length === 0) return shouldRun ? { ...nothing, creations: [name] } : nothing;
  if (!mayStay) return { ...nothing, deletions: staying };
  const ended = planEnded(daemons, name, staying.filter(isOver));
  const running = staying.filter((pod) => !isOver(pod));
  if (!allowsSurge(daemons.daemonSet)) return { ...ended, deletions: [...ended.deletions, ...running.slice(1)] };
  if (running.length === 0 && shouldRun) return { ...ended, creations: [name] };
  return { ...ended, deletions: [...ended.deletions, ...surplusInSurge(daemons, running)] };
}

/** Ended pods give way to new ones: those that failed with increasing patience. */
function planEnded({ daemonSet, failedPodWaitMs }: Daemons, nodeName: string, ended: readonly Pod[]): DaemonPlan {
  const [failed] = ended.filter(({ status }) => status?.phase === 'Failed');
  const waitMs = failed === undefined ? 0 : failedPodWaitMs(nodeName, failed);
  const replaced = ended.filter((pod) => pod.status?.phase === 'Succeeded' || (pod === failed && waitMs === 0));
  return {
    deletions: replaced,
    creations: [],
    events: replaced.map((pod) => tellOfEnd(daemonSet, nodeName, pod)),
    waitsMs: waitMs === 0 ? [] : [waitMs],
  };
}

function tellOfEnd(daemonSet: DaemonSet, nodeName: string, { metadata, status }: Pod): Action {
  const name = `${metadata.namespace}/${metadata.name}`;
  return status?.phase === 'Failed'
    ? {
        verb: 'event',
        regarding: daemonSet,
        type: 'Warning',
        reason: 'FailedDaemonPod',
        message: `Found failed daemon pod ${name} on node ${nodeName}, will try to kill it`,
      }
    : {
        verb: 'event',
        regarding: daemonSet,
        type: 'Normal',
        reason: 'SucceededDaemonPod',
        message: `Found succeeded daemon pod ${name} on node ${nodeName}, will try to delete it`,
      };
}

/** While surging a node may have two pods: an old one that is ready and a new one that is not yet available. */
function surplusInSurge({ daemonSet, hash, nowMs }: Daemons, running: readonly Pod[]): readonly Pod[] {
  if (running.length <= 1) return [];
  const [fresh, ...moreFresh] = running.filter((pod) => isUpToDate(daemonSet, pod, hash));
  const [old, ...moreOld] = running.filter((pod) => !isUpToDate(daemonSet, pod, hash));
  const isOldDispensable =
    fresh !== undefined && old !== undefined && (!isReady(old) || isAvailable(fresh, daemonSet.spec.minReadySeconds ?? 0, nowMs));
  return [...moreFresh, ...moreOld, ...(isOldDispensable ? [old] : [])];
}

export function allowsSurge({ spec }: DaemonSet): boolean {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  return type === 'RollingUpdate' && resolveShare(rollingUpdate?.maxSurge ?? 0, 100, 'up') > 0;
}

function mergePlans(plans: readonly DaemonPlan[]): DaemonPlan {
  return {
    deletions: plans.flatMap(({ deletions }) => deletions),
    creations: plans.flatMap(({ creations }) => creations),
    events: plans.flatMap(({ events }) => events),
    waitsMs: plans.flatMap(({ waitsMs }) => waitsMs),
  };
}

/** Scheduled ones first, then the older. */
function compareAges(left: Pod, right: Pod): number {
  const isBound = ({ spec }: Pod) => (spec.nodeName ?? '') !== '';
  if (isBound(left) !== isBound(right)) return isBound(left) ? -1 : 1;
  const [one, other] = [left.metadata, right.metadata];
  if (one.creationTimestamp !== other.creationTimestamp) return one.creationTimestamp < other.creationTimestamp ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}
