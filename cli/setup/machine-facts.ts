/** Finds out what the machine has. Changes nothing; asks the programs themselves rather than where they should be. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../process.ts';
import { stateDirectory } from '../project.ts';
import type { EngineState, MachineFacts } from './plan-setup.ts';

/** An engine that does not answer within this is as good as none. */
const ENGINE_ANSWER_MS_MAX = 20_000;

/** Where set-up puts the registry of the tests of pulls. */
export const ownRegistryPath = join(stateDirectory, 'bin', 'docker-registry');

/** Where set-up puts an old kubectl (1.32) and a new one (1.36 and what follows it), which the e2e suites run beside each other. */
export const ownKubectls = [
  { release: 'trixie', path: join(stateDirectory, 'bin', 'kubectl-trixie') },
  { release: 'sid', path: join(stateDirectory, 'bin', 'kubectl-sid') },
] as const;

export async function findMachineFacts(): Promise<MachineFacts> {
  const [engine, composeVersion, hasKubectl, hasOwnKubectls, hasNetworkTools] = await Promise.all([
    findEngineState(),
    findComposeVersion(),
    isKubectl('kubectl'),
    findOwnKubectls(),
    findNetworkTools(),
  ]);
  return {
    platform: process.platform,
    distribution: parseDistribution(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''),
    isRoot: process.getuid?.() === 0,
    engine,
    composeVersion,
    hasKubectl,
    hasOwnKubectls,
    hasNetworkTools,
  };
}

export async function findEngineVersion(): Promise<string | undefined> {
  const answer = await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: ENGINE_ANSWER_MS_MAX });
  return answer.exitCode === 0 ? answer.stdout.trim() : undefined;
}

export async function findComposeVersion(): Promise<string | undefined> {
  const answer = await run('docker', ['compose', 'version', '--short'], { timeoutMs: ENGINE_ANSWER_MS_MAX });
  return answer.exitCode === 0 ? answer.stdout.trim() : undefined;
}

/** `ID=debian` → `debian`; values may be quoted. */
export function parseDistribution(osRelease: string): string {
  return /^ID="?([a-z0-9._-]+)"?$/m.exec(osRelease)?.[1] ?? '';
}

async function findEngineState(): Promise<EngineState> {
  const answer = await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: ENGINE_ANSWER_MS_MAX });
  if (answer.exitCode === 0) return 'running';
  if (/permission denied/i.test(answer.stderr)) return 'forbidden';
  // On macOS and Windows the engine is Docker Desktop's, which is there when its client is.
  const engineProgram = process.platform === 'linux' ? 'dockerd' : 'docker';
  return (await run(engineProgram, ['--version'])).exitCode === 0 ? 'stopped' : 'absent';
}

async function findNetworkTools(): Promise<boolean> {
  const tools = await Promise.all([run('nft', ['--version']), run('ip', ['-V']), run('conntrack', ['--version'])]);
  return tools.every(({ exitCode }) => exitCode === 0);
}

async function findOwnKubectls(): Promise<boolean> {
  if (!existsSync(ownRegistryPath)) return false;
  const found = await Promise.all(ownKubectls.map(({ path }) => isKubectl(path)));
  return found.every((isThere) => isThere);
}

async function isKubectl(program: string): Promise<boolean> {
  return (await run(program, ['version', '--client'])).exitCode === 0;
}
