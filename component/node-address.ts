/** The address of the node this process runs on, from the interfaces of its network namespace. */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** The node's ends of its pods' links: they carry the pods' gateway address, which no other node can reach. */
const POD_LINK = /^veth/;

/** The first IPv4 address that is neither loopback nor on a pod's link; undefined where there is none. */
export function findNodeAddress(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()): string | undefined {
  const addresses = Object.entries(interfaces)
    .filter(([name]) => !POD_LINK.test(name))
    .flatMap(([, entries]) => entries ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
