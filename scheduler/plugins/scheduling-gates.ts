/** A pod with scheduling gates is not tried until all of them have been taken away. The server has said so in its condition. */
import { fits, neverFits, type SchedulerPlugin } from '../plugin.ts';

export const schedulingGates: SchedulerPlugin = {
  name: 'SchedulingGates',
  hints: {},
  preEnqueue: ({ spec: { schedulingGates: gates = [] } }) =>
    gates.length === 0 ? fits : neverFits(`waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]`),
};
