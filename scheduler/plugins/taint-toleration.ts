/** Keeps pods off nodes with taints they do not tolerate, and away from those whose taints ask for it softly. */
import { doesNotFit, fits, normaliseReversed, type SchedulerPlugin } from '../plugin.ts';
import { isTolerated } from '../toleration.ts';

export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  weight: 3,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) => {
    const { tolerations } = pod.spec;
    return {
      filter: ({ node }) => {
        const hard = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
        return hard.every((taint) => isTolerated(taint, tolerations)) ? fits : doesNotFit('node(s) had untolerated taint(s)');
      },
      prepareScore: () => ({
        score: ({ node }) =>
          (node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations)).length,
        normalise: normaliseReversed,
      }),
    };
  },
};
