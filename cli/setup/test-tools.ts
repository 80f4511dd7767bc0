/** What only the tests need of a machine: kubectl in two versions and an image registry, which go into the project's own folder, and the network tools of the distribution. */
import { extractFromPackage, installPackages } from './debian-package.ts';
import { ownKubectls, ownRegistryPath } from './machine-facts.ts';

/** One release after the other: they share the folder that apt keeps its lists in. */
export async function installTestTools(): Promise<void> {
  await extractFromPackage({ packageName: 'docker-registry', release: 'trixie', path: 'usr/bin/docker-registry', target: ownRegistryPath });
  for (const { release, path } of ownKubectls)
    await extractFromPackage({ packageName: 'kubectl', release, path: 'usr/bin/kubectl', target: path });
}

export async function installNetworkTools(): Promise<void> {
  await installPackages(['nftables', 'iproute2', 'conntrack']);
}
