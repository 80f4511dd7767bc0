/** The administrator's client, from the files that `bootstrap` put into .keelson. */
import { existsSync, readFileSync } from 'node:fs';
import { type Client, createClient } from '#client/client.ts';
import { API_SERVER, hostFiles } from './project.ts';

/** Undefined while there is no cluster to talk to. */
export function findClusterClient(): Client | undefined {
  if (!existsSync(hostFiles.kubeconfig)) return undefined;
  const [ca, certificate, key] = [hostFiles.ca, hostFiles.certificate, hostFiles.key].map((path) => readFileSync(path, 'utf8'));
  if (ca === undefined || certificate === undefined || key === undefined) return undefined;
  return createClient({ server: API_SERVER, ca, certificate, key, userAgent: 'keelson-cli' });
}
