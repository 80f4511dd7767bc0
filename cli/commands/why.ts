/**
 * `keelson why pod/NAME`: for a pod without a node the verdict of each node and plugin, from the scheduler's own plugins; for one that has a
 * node what it waits for. Changes nothing.
 */
import { readFileSync } from 'node:fs';
import { isReason } from '#api/meta/status.ts';
import { systemClock } from '#component/clock.ts';
import { systemRandom } from '#component/random.ts';
import { defaultConfiguration, parseConfiguration } from '../../scheduler/configuration/configuration.ts';
import { findClusterClient } from '../cluster-client.ts';
import type { Progress } from '../progress.ts';
import { whyPod } from '../why/why-pod.ts';

/** The file that the composed scheduler reads, too. */
const CONFIGURATION_VARIABLE = 'KEELSON_SCHEDULER_CONFIG';

export async function runWhy(progress: Progress, target: string, namespace: string): Promise<void> {
  const name = parseTarget(target);
  const client = findClusterClient();
  if (client === undefined) throw new Error('there is no cluster: npx keelson start');
  const path = process.env[CONFIGURATION_VARIABLE] ?? '';
  const configuration = path === '' ? defaultConfiguration() : parseConfiguration(readFileSync(path, 'utf8'));
  try {
    const lines = await whyPod({ namespace, name }, { client, clock: systemClock, random: systemRandom, configuration });
    for (const line of lines) progress.text(line);
  } catch (error) {
    if (isReason(error, 'NotFound')) throw new Error(`there is no pod ${name} in namespace ${namespace}; -n names another namespace`);
    throw error;
  } finally {
    await client.close();
  }
}

/** `pod/web`, `pods/web`, `po/web`. Throws for what is no pod. */
export function parseTarget(target: string): string {
  const [, name] = /^(?:pods?|po)\/([^/]+)$/.exec(target) ?? [];
  if (name === undefined) throw new Error(`why does not know ${target}: it takes a pod, as pod/NAME`);
  return name;
}
