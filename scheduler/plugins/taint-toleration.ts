/** Keeps pods off nodes with taints they do not tolerate, and away from those whose taints ask for it softly. */
import { findUntolerated, tolerates } from '#api/core/v1/taint.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { nodeHints } from '../cluster-event.ts';
import { fits, neverFits, normaliseReversed, type SchedulerPlugin } from '../plugin.ts';

const HARD_EFFECTS = ['NoSchedule', 'NoExecute'];
const UNTOLERATED = neverFits('node(s) had untolerated taint(s)');

export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  hints: nodeHints(toleratesAll),
  prepare: ({ pod }) => {
    const { tolerations = [] } = pod.spec;
    return {
      filter: ({ node }) => (toleratesAll(pod, node) ? fits : UNTOLERATED),
      prepareScore: (feasible) => {
        if (!feasible.some(({ node }) => softTaints(node).length > 0)) return undefined;
        return {
          score: ({ node }) => softTaints(node).filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length,
          normalise: normaliseReversed,
        };
      },
    };
  },
};

function toleratesAll({ spec }: Pod, node: Node): boolean {
  const taints = node.spec?.taints;
  return taints === undefined || findUntolerated(taints, spec.tolerations, HARD_EFFECTS) === undefined;
}

function softTaints({ spec }: Node) {
  return spec?.taints?.filter(({ effect }) => effect === 'PreferNoSchedule') ?? [];
}
