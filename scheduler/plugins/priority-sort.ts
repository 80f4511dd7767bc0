/** Higher priority first; among equals the queue goes by who has waited longer. */
import type { SchedulerPlugin } from '../plugin.ts';
import { priorityOf } from '../pod-info.ts';

export const prioritySort: SchedulerPlugin = {
  name: 'PrioritySort',
  hints: {},
  comesBefore: (left, right) => {
    const difference = priorityOf(left) - priorityOf(right);
    return difference === 0 ? undefined : difference > 0;
  },
};
