/** Honours `nodeSelector` and required node affinity, and adds up the weights of the preferred terms that a node meets. */
import { matchesNodeTerm, matchesRequiredNodes } from '#api/core/v1/node-selector.ts';
import { doesNotFit, fits, normaliseToMax, type SchedulerPlugin } from '../plugin.ts';

export const nodeAffinity: SchedulerPlugin = {
  name: 'NodeAffinity',
  weight: 2,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) => ({
    filter: ({ node }) => (matchesRequiredNodes(pod, node) ? fits : doesNotFit("node(s) didn't match Pod's node affinity/selector")),
    prepareScore: () => {
      const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      if (preferred.length === 0) return undefined;
      return {
        score: ({ node }) => preferred.reduce((sum, { preference, weight }) => sum + (matchesNodeTerm(preference, node) ? weight : 0), 0),
        normalise: normaliseToMax,
      };
    },
  }),
};
