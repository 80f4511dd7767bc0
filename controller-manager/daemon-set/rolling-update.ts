/**
 * The step of a DaemonSet's rolling update: which old pods go (at most `maxUnavailable` nodes without an available pod), or on which nodes a new
 * pod may start beside the old one (at most `maxSurge`). It assumes that `planNodes` found nothing to do. Pure.
 * Upstream: pkg/controller/daemon/update.go.
 */
import type { Pod } from '#api/generated/types.ts';
import { resolveShare } from '#api/meta/share.ts';
import { isAvailable } from '../pod-readiness.ts';
import type { DaemonPlan, Daemons } from './daemon-plan.ts';
import { isUpToDate, placementOn } from './daemon-pods.ts';

/** What a node has of a DaemonSet's pods, those being deleted aside. */
interface NodeState {
  readonly name: string;
  readonly shouldRun: boolean;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
  /** More than one of a sort: for `planNodes` to clean up. */
  readonly isCrowded: boolean;
}

type Replacement = Pick<DaemonPlan, 'deletions' | 'creations'>;

export function planRollingUpdate(daemons: Daemons): Replacement {
  const { rollingUpdate } = daemons.daemonSet.spec.updateStrategy ?? {};
  const placements = new Map(daemons.nodes.map((node) => [node.metadata.name, placementOn(daemons.daemonSet, node).shouldRun]));
  const desired = [...placements.values()].filter(Boolean).length;
  const surgeMax = resolveShare(rollingUpdate?.maxSurge ?? 0, desired, 'up');
  const unavailableMax = resolveShare(rollingUpdate?.maxUnavailable ?? 1, desired, 'up');
  const names = new Set([...placements].filter(([, shouldRun]) => shouldRun).map(([name]) => name));
  const states = [...names.union(new Set(daemons.podsByNode.keys()))].map((name) => nodeState(daemons, name, names.has(name)));
  if (surgeMax > 0) return surge(daemons, states, { surgeMax, desired });
  return replace(daemons, states, Math.max(unavailableMax, 1));
}

function replace(daemons: Daemons, states: readonly NodeState[], unavailableMax: number): Replacement {
  const isUp = (pod: Pod) => isAvailable(pod, daemons.daemonSet.spec.minReadySeconds ?? 0, daemons.nowMs);
  const isOld = ({ fresh, isCrowded }: NodeState) => fresh === undefined && !isCrowded;
  const candidates = states.filter(isOld).flatMap(({ old }) => (old === undefined ? [] : [old]));
  const broken = candidates.filter((pod) => !isUp(pod));
  const unavailable = states.filter(({ fresh, old, isCrowded }) => {
    const [only] = [fresh, old].filter((pod) => pod !== undefined);
    return isCrowded || only === undefined || (fresh !== undefined && old !== undefined) || !isUp(only);
  });
  const deletable = Math.max(0, unavailableMax - unavailable.length);
  return { deletions: [...broken, ...candidates.filter(isUp).slice(0, deletable)], creations: [] };
}

function surge(
  daemons: Daemons,
  states: readonly NodeState[],
  { surgeMax, desired }: { readonly surgeMax: number; readonly desired: number },
): Replacement {
  const isUp = (pod: Pod | undefined) => pod !== undefined && isAvailable(pod, daemons.daemonSet.spec.minReadySeconds ?? 0, daemons.nowMs);
  const clear = states.filter(({ isCrowded }) => !isCrowded);
  const surging = states.length - clear.length + clear.filter(({ old, fresh }) => old && fresh && !isUp(fresh)).length;
  const replaced = clear.filter(({ old, fresh }) => old && isUp(fresh));
  const alone = clear.filter(({ old, fresh }) => old !== undefined && fresh === undefined);
  const leaving = alone.filter(({ shouldRun }) => !shouldRun);
  const outdated = alone.filter(({ shouldRun }) => shouldRun);
  // Whoever surges expects no gap: a pod that has to leave its node does so once another node's is available in its place.
  const available = clear.filter(({ old, fresh }) => isUp(old ?? fresh)).length;
  const dispensable = leaving.filter(({ old }) => isUp(old)).slice(0, Math.max(0, available - desired));
  const broken = outdated.filter(({ old }) => !isUp(old));
  const candidates = outdated.filter(({ old }) => isUp(old)).slice(0, Math.max(0, surgeMax - surging));
  const deletions = [...replaced, ...leaving.filter(({ old }) => !isUp(old)), ...dispensable];
  return {
    deletions: deletions.flatMap(({ old }) => (old === undefined ? [] : [old])),
    creations: [...broken, ...candidates].map(({ name }) => name),
  };
}

function nodeState({ daemonSet, hash, podsByNode }: Daemons, name: string, shouldRun: boolean): NodeState {
  const pods = (podsByNode.get(name) ?? []).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const [fresh, ...moreFresh] = pods.filter((pod) => isUpToDate(daemonSet, pod, hash));
  const [old, ...moreOld] = pods.filter((pod) => !isUpToDate(daemonSet, pod, hash));
  return { name, shouldRun, fresh, old, isCrowded: moreFresh.length + moreOld.length > 0 };
}
