/** Topology spread constraints made ready to count by: whom they count, and on which nodes. */
import { asksForNodes, matchesRequiredNodes } from '#api/core/v1/node-selector.ts';
import { findUntolerated } from '#api/core/v1/taint.ts';
import type { Pod, TopologySpreadConstraint } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { NodeInfo } from '../node-info.ts';
import type { ShapeMatcher } from '../pod-likeness.ts';

const HARD_TAINT_EFFECTS = ['NoSchedule', 'NoExecute'];

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Which pods of the namespace count. */
  readonly counts: ShapeMatcher;
  /** Only the nodes that the pod asks for count; never true for a pod that takes any. */
  readonly honoursAffinity: boolean;
  readonly honoursTaints: boolean;
}

/** Upstream's: hosts may differ by 3, zones by 5, before it counts for much. */
export const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

/** `likeness` takes the place of the constraints' selectors. */
export function compileConstraints(
  constraints: readonly TopologySpreadConstraint[],
  whenUnsatisfiable: string,
  pod: Pod,
  likeness?: ShapeMatcher,
): readonly SpreadConstraint[] {
  return constraints
    .filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable)
    .map((constraint) => ({
      topologyKey: constraint.topologyKey,
      maxSkew: constraint.maxSkew,
      minDomains: constraint.minDomains ?? 1,
      counts: likeness ?? compileSelector(constraint, pod),
      honoursAffinity: asksForNodes(pod) && (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
      honoursTaints: constraint.nodeTaintsPolicy === 'Honor',
    }));
}

function compileSelector(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  { metadata: { labels: own = {} } }: Pod,
): ShapeMatcher {
  if (labelSelector === undefined) return () => false;
  const matches = compileLabelSelector(labelSelector);
  const keys = matchLabelKeys.filter((key) => own[key] !== undefined);
  return ({ labels }) => matches(labels) && keys.every((key) => labels[key] === own[key]);
}

/** Whether a node's pods count at all for a constraint. */
export function isIncluded({ honoursAffinity, honoursTaints }: SpreadConstraint, pod: Pod, { node }: NodeInfo): boolean {
  if (honoursAffinity && !matchesRequiredNodes(pod, node)) return false;
  return !honoursTaints || findUntolerated(node.spec?.taints, pod.spec.tolerations, HARD_TAINT_EFFECTS) === undefined;
}

export function hasAllKeys(constraints: readonly SpreadConstraint[], { labels }: NodeInfo): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}
