/** Keeps pods off nodes with taints they do not tolerate, and away from those whose taints ask for it softly. */
import { findUntolerated, tolerates } from '#api/core/v1/taint.ts';
import { doesNotFit, fits, normaliseReversed, type SchedulerPlugin } from '../plugin.ts';

export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  weight: 3,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) => {
    const { tolerations = [] } = pod.spec;
    return {
      filter: ({ node }) =>
        findUntolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined
          ? fits
          : doesNotFit('node(s) had untolerated taint(s)'),
      prepareScore: () => ({
        score: ({ node }) => {
          const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
          return soft.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
        },
        normalise: normaliseReversed,
      }),
    };
  },
};
