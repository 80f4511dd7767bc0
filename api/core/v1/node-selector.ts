/**
 * Whether a node is one that a pod may or would rather run on, by `nodeSelector` and node affinity. Terms are alternatives, the
 * requirements of one term must all hold; an empty term matches nothing. Used by the scheduler, and by whoever places pods without it.
 * Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
 */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '../../generated/types.ts';

/** The node selector and the required affinity together. */
export function matchesRequiredNodes({ spec }: Pick<Pod, 'spec'>, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return selected && (required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node)));
}

/** False for a pod that takes any node, as far as these two go. */
export function asksForNodes({ spec }: Pick<Pod, 'spec'>): boolean {
  return spec.nodeSelector !== undefined || spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;
}

export function matchesNodeTerm(term: NodeSelectorTerm, { metadata }: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = metadata.labels ?? {};
  return (
    matchExpressions.every((requirement) => matchesRequirement(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) => matchesRequirement(requirement, requirement.key === 'metadata.name' ? metadata.name : undefined))
  );
}

function matchesRequirement({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
      return compareIntegers(actual, values[0], (left, right) => left > right);
    case 'Lt':
      return compareIntegers(actual, values[0], (left, right) => left < right);
    default:
      return false;
  }
}

const INTEGER = /^[+-]?\d+$/;

function compareIntegers(actual: string | undefined, wanted: string | undefined, holds: (left: bigint, right: bigint) => boolean): boolean {
  if (actual === undefined || wanted === undefined || !INTEGER.test(actual) || !INTEGER.test(wanted)) return false;
  return holds(BigInt(actual), BigInt(wanted));
}
