/** Puts docker compose where the docker client of this user looks for plugins. Debian 12 has none to install; Debian 13's runs there. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { extractFromPackage } from './debian-package.ts';

export async function installComposePlugin(): Promise<void> {
  const configuration = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
  await extractFromPackage({
    packageName: 'docker-compose',
    release: 'trixie',
    path: 'usr/libexec/docker/cli-plugins/docker-compose',
    target: join(configuration, 'cli-plugins', 'docker-compose'),
  });
}
