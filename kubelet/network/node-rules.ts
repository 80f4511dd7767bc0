/**
 * The node's own nftables table, next to kube-proxy's: pods that talk to the world outside the cluster do so with the node's address, and a
 * container's `hostPort` leads to it. The whole table is rendered from what there is and replaced atomically, so nothing can leak. Pure.
 *
 * A packet to a host port is rewritten at dstnat, before routing; kube-proxy's table has the same hook and rewrites other ports. One that
 * comes from the node itself, or from the pod behind the port, is masqueraded, else the answer would not come back the same way.
 */

export interface HostPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Undefined: every address of the node. */
  readonly hostIp: string | undefined;
  readonly hostPort: number;
  readonly podIp: string;
  readonly containerPort: number;
}

export function renderNodeRules(clusterCidr: string, hostPorts: readonly HostPort[]): string {
  const rewrites = hostPorts.toSorted(byPort).map((port) => `    ${matchOf(port)} dnat to ${port.podIp}:${port.containerPort}`);
  const hairpins = hostPorts
    .toSorted(byPort)
    .map(
      (port) =>
        `    ct status dnat ip daddr ${port.podIp} ${port.protocol} dport ${port.containerPort} ct original proto-dst ${port.hostPort} ${comesFrom(port)} masquerade`,
    );
  return `table ip keelson-node
delete table ip keelson-node
table ip keelson-node {
  chain host-ports {
${rewrites.join('\n')}
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump host-ports
  }
  chain output {
    type nat hook output priority dstnat; policy accept;
    fib daddr type local jump host-ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${hairpins.join('\n')}
    ip saddr ${clusterCidr} ip daddr != ${clusterCidr} ip daddr != 224.0.0.0/4 masquerade
  }
}
`;
}

function matchOf({ protocol, hostIp, hostPort }: HostPort): string {
  return `${hostIp === undefined ? '' : `ip daddr ${hostIp} `}${protocol} dport ${hostPort}`;
}

/** The pod itself, or the node over its loopback. */
function comesFrom({ podIp }: HostPort): string {
  return `ip saddr { ${podIp}, 127.0.0.0/8 }`;
}

function byPort(left: HostPort, right: HostPort): number {
  return (
    left.hostPort - right.hostPort || left.protocol.localeCompare(right.protocol) || (left.hostIp ?? '').localeCompare(right.hostIp ?? '')
  );
}
