/** What only the tests need of a machine: kubectl in two versions, which go into the project's own folder, and the network tools of the distribution. */
import { extractFromPackage, installPackages } from './debian-package.ts';
import { ownKubectls } from './machine-facts.ts';

/** One release after the other: they share the folder that apt keeps its lists in. */
export async function installKubectls(): Promise<void> {
  for (const { release, path } of ownKubectls)
    await extractFromPackage({ packageName: 'kubectl', release, path: 'usr/bin/kubectl', target: path });
}

export async function installNetworkTools(): Promise<void> {
  await installPackages(['nftables', 'iproute2', 'conntrack']);
}
