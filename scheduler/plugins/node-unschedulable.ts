/** Keeps pods off cordoned nodes, unless they tolerate the taint that stands for it. */
import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';
import { isTolerated } from '../toleration.ts';

const cordonTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  weight: 0,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) =>
    isTolerated(cordonTaint, pod.spec.tolerations)
      ? {}
      : { filter: ({ node }) => (node.spec?.unschedulable ? doesNotFit('node(s) were unschedulable') : fits) },
};
