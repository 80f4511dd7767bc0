/** What only the tests need of a machine: kubectl, which goes into the project's own folder, and the network tools of the distribution. */
import { extractFromPackage, installPackages } from './debian-package.ts';
import { ownKubectl } from './machine-facts.ts';

export async function installKubectl(): Promise<void> {
  await extractFromPackage({ packageName: 'kubectl', path: 'usr/bin/kubectl', target: ownKubectl });
}

export async function installNetworkTools(): Promise<void> {
  await installPackages(['nftables', 'iproute2', 'conntrack']);
}
