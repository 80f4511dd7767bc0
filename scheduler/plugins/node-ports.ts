/** Two pods on one node cannot have the same host port of the same address and protocol. */
import { always } from '../cluster-event.ts';
import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';
import { type HostPort, hostPortsOf } from '../pod-info.ts';

const TAKEN = doesNotFit("node(s) didn't have free ports for the requested pod ports");

export const nodePorts: SchedulerPlugin = {
  name: 'NodePorts',
  hints: {
    'node-added': always,
    'pod-left': (pod, event) => hasCollision(hostPortsOf(pod), hostPortsOf(event.pod)),
  },
  prepare: ({ hostPorts }) =>
    hostPorts.length === 0 ? {} : { filter: ({ usedPorts }) => (hasCollision(hostPorts, usedPorts) ? TAKEN : fits) },
};

const ANY_ADDRESS = '0.0.0.0';

function hasCollision(wanted: readonly HostPort[], used: readonly HostPort[]): boolean {
  return wanted.some((left) => used.some((right) => collides(left, right)));
}

function collides(left: HostPort, right: HostPort): boolean {
  if (left.port !== right.port || left.protocol !== right.protocol) return false;
  return left.hostIP === right.hostIP || left.hostIP === ANY_ADDRESS || right.hostIP === ANY_ADDRESS;
}
