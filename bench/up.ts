/**
 * From nothing running (images built, etcd empty) to three Ready nodes and the hello app answering: what `keelson start` takes, with the phases it
 * prints, beside what the engine alone needs to create and start as many containers. Stops the running cluster first.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { removeContainers, startBareContainer } from './bare-containers.ts';
import { type Figure, median } from './figure.ts';

const ROUNDS = 3;
/** `✓ nodes           control-plane, … Ready     1.3 s` */
const PHASE_LINE = /^✓ (\S.*?)\s{2,}.*?(\d+\.\d) s$/gm;

const execute = promisify(execFile);
const keelson = join(import.meta.dirname, '../bin/keelson');

export async function measureUp(): Promise<readonly Figure[]> {
  const docker = new Docker();
  const totals: number[] = [];
  const bare: number[] = [];
  const phases = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    await execute(keelson, ['down']);
    const startedAt = performance.now();
    const { stdout } = await execute(keelson, ['start']);
    totals.push((performance.now() - startedAt) / 1_000);
    for (const [, name = '', seconds] of stdout.matchAll(PHASE_LINE)) phases.set(name, [...(phases.get(name) ?? []), Number(seconds)]);
    bare.push(await timeBareContainers(docker, (await docker.listContainers()).length));
  }
  const peer = { name: 'as many bare containers', value: median(bare) };
  return [
    { bench: 'up', figure: 'start to hello answering, median', value: median(totals), unit: 's', peer },
    ...[...phases].map(([name, values]) => ({ bench: 'up', figure: `phase: ${name}`, value: median(values), unit: 's' })),
  ];
}

/** Seconds to create and start `count` containers at once. */
async function timeBareContainers(docker: Docker, count: number): Promise<number> {
  const startedAt = performance.now();
  const containers = await Promise.all(Array.from({ length: count }, () => startBareContainer(docker)));
  const elapsed = (performance.now() - startedAt) / 1_000;
  await removeContainers(containers);
  return elapsed;
}
