/** Fetches kubectl for the tests of a machine that has none; into the project's own folder, so nothing else changes. */
import { extractFromPackage } from './debian-package.ts';
import { ownKubectl } from './machine-facts.ts';

export async function installKubectl(): Promise<void> {
  await extractFromPackage({ packageName: 'kubectl', path: 'usr/bin/kubectl', target: ownKubectl });
}
