/**
 * From nothing running (images built, etcd empty) to three Ready nodes and the hello app answering: what `keelson start` takes, with the
 * phases it prints. Stops the running cluster first.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Figure } from './figure.ts';
import { median } from './figure.ts';

const ROUNDS = 3;
const execute = promisify(execFile);
const keelson = join(import.meta.dirname, '../bin/keelson');

export async function measureUp(): Promise<readonly Figure[]> {
  const totals: number[] = [];
  const phases = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    await execute(keelson, ['down']);
    const startedAt = performance.now();
    const { stdout } = await execute(keelson, ['start']);
    totals.push((performance.now() - startedAt) / 1_000);
    for (const [, name = '', seconds] of stdout.matchAll(/^\S+ (.+?)\s+(\d+\.\d) s$/gm)) {
      phases.set(name.trim(), [...(phases.get(name.trim()) ?? []), Number(seconds)]);
    }
  }
  return [
    { bench: 'up', figure: 'start to hello answering, median', value: median(totals), unit: 's', peer: { name: 'target', value: 12 } },
    ...[...phases].map(([name, values]) => ({ bench: 'up', figure: `  ${name}`, value: median(values), unit: 's' })),
  ];
}
