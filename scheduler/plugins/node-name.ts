/** A pod that names its node fits no other. The queue holds no such pods today; preemption and re-checks will ask. */
import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';

export const nodeName: SchedulerPlugin = {
  name: 'NodeName',
  weight: 0,
  wakeOn: ['node-changed'],
  prepare: ({ pod }) => {
    const wanted = pod.spec.nodeName ?? '';
    if (wanted === '') return {};
    return { filter: ({ name }) => (name === wanted ? fits : doesNotFit("node(s) didn't match the requested node name")) };
  },
};
