/**
 * Sees to the two public images that ours are built from: pulls them, or, where no registry can be reached, has stand-ins made of Debian's
 * packages (`images/base/make-base-images.sh`). Once they are there, nothing is asked of any registry again.
 */
import { fileURLToPath } from 'node:url';
import { run, runOrThrow } from '../process.ts';
import type { Say } from '../progress.ts';
import { projectRoot } from '../project.ts';
import { installPackages } from './debian-package.ts';

const BASE_IMAGES = ['debian:trixie-slim', 'node:26-trixie-slim'] as const;

/** For a slow line; a registry that cannot be reached at all says so much sooner. */
const PULL_MS_MAX = 10 * 60_000;

const SCRIPT = fileURLToPath(new URL('../../images/base/make-base-images.sh', import.meta.url));
const NODE_BINARY = `${projectRoot}/node_modules/node/bin/node`;

/** Makes sure that both images are there and says where they came from. */
export async function applyBaseImages(say: Say): Promise<string> {
  if ((await findMissing()).length === 0) return 'there';
  const problem = await pullMissing(say);
  if (problem === undefined) return 'pulled';
  const obstacle = await findObstacle();
  if (obstacle !== undefined) throw new Error(renderObstacle(problem, obstacle));
  say('no registry: making stand-ins with debootstrap (1 min)');
  if ((await run('debootstrap', ['--version'])).exitCode !== 0) await installPackages(['debootstrap']);
  await runOrThrow(SCRIPT, [NODE_BINARY]);
  return 'no registry: made from Debian packages';
}

async function findMissing(): Promise<readonly string[]> {
  const answers = await Promise.all(BASE_IMAGES.map((image) => run('docker', ['image', 'inspect', image])));
  return BASE_IMAGES.filter((_image, index) => answers[index]?.exitCode !== 0);
}

/** Gives the first problem; stops there, since both come from the same registry. */
async function pullMissing(say: Say): Promise<string | undefined> {
  for (const image of await findMissing()) {
    say(`pulling ${image}`);
    const pulled = await run('docker', ['pull', '--quiet', image], { timeoutMs: PULL_MS_MAX });
    if (pulled.exitCode !== 0) return pulled.stderr.trim().split('\n').at(-1) ?? 'it took too long';
  }
  return undefined;
}

/** Why stand-ins cannot be made here, if so. */
async function findObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'making stand-ins without a registry takes root (debootstrap)';
  const hasDebootstrap = (await run('debootstrap', ['--version'])).exitCode === 0;
  const hasApt = (await run('apt-get', ['--version'])).exitCode === 0;
  return hasDebootstrap || hasApt ? undefined : 'making stand-ins without a registry takes debootstrap, which is not here';
}

function renderObstacle(problem: string, obstacle: string): string {
  return [
    'the base images cannot be pulled:',
    `  ${problem}`,
    `and ${obstacle}.`,
    'On a machine that can pull them: docker save debian:trixie-slim node:26-trixie-slim -o base.tar',
    'and here:                        docker load -i base.tar',
  ].join('\n');
}
