/** Two pods on one node cannot have the same host port of the same address and protocol. */

import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';
import type { HostPort } from '../pod-info.ts';

export const nodePorts: SchedulerPlugin = {
  name: 'NodePorts',
  weight: 0,
  wakeOn: ['node-changed', 'pod-left'],
  prepare: ({ hostPorts }) => {
    if (hostPorts.length === 0) return {};
    return {
      filter: ({ pods }) => {
        const used = pods.flatMap((pod) => pod.hostPorts);
        const isFree = hostPorts.every((wanted) => !used.some((port) => collides(wanted, port)));
        return isFree ? fits : doesNotFit("node(s) didn't have free ports for the requested pod ports");
      },
    };
  },
};

const ANY_ADDRESS = '0.0.0.0';

function collides(left: HostPort, right: HostPort): boolean {
  if (left.port !== right.port || left.protocol !== right.protocol) return false;
  return left.hostIP === right.hostIP || left.hostIP === ANY_ADDRESS || right.hostIP === ANY_ADDRESS;
}
