/** Keeps pods off cordoned nodes, unless they tolerate the taint that stands for it. */
import { tolerates } from '#api/core/v1/taint.ts';
import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';

const cordonTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  weight: 0,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) =>
    (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, cordonTaint))
      ? {}
      : { filter: ({ node }) => (node.spec?.unschedulable ? doesNotFit('node(s) were unschedulable') : fits) },
};
