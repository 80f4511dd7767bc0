/**
 * Installs Debian's Docker Engine and starts it, with systemd where there is one and as a background process of its own where there is
 * not (a container, a minimal machine).
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Clock } from '#component/clock.ts';
import { run, runOrThrow, startDetached } from '../process.ts';
import { installPackages } from './debian-package.ts';
import { findEngineVersion } from './machine-facts.ts';

const ENGINE_LOG = '/var/log/keelson-dockerd.log';
const PID_FILE = '/var/run/docker.pid';

/** On a cold disk containerd takes a while; an engine that needs longer than this has a problem to be read in its log. */
const ENGINE_START_MS_MAX = 60_000;
const ENGINE_POLL_MS = 200;

export async function installEngine(): Promise<void> {
  await installPackages(['docker.io', 'iptables', 'ca-certificates']);
}

/** Resolves when the engine answers; throws with the end of its log when it gives up or takes too long. */
export async function startEngine(clock: Clock): Promise<void> {
  const hasSystemd = existsSync('/run/systemd/system');
  if (hasSystemd) await runOrThrow('systemctl', ['start', 'docker']);
  const engine = hasSystemd || (await findEngineVersion()) !== undefined ? undefined : startEngineProcess();
  const startMs = clock.monotonic();
  while ((await findEngineVersion()) === undefined) {
    if (engine?.hasEnded() === true) throw new Error(`dockerd ended at once:\n${endOfLog()}`);
    if (clock.monotonic() - startMs > ENGINE_START_MS_MAX) throw new Error(`the Docker engine does not answer:\n${endOfLog()}`);
    await clock.sleep(ENGINE_POLL_MS, AbortSignal.timeout(ENGINE_START_MS_MAX));
  }
}

function startEngineProcess(): { hasEnded(): boolean } {
  if (isPidFileStale()) rmSync(PID_FILE);
  return startDetached('dockerd', [], ENGINE_LOG);
}

/** The machine went down with the engine running, and another process has its number now: dockerd would take that for itself. */
function isPidFileStale(): boolean {
  if (!existsSync(PID_FILE)) return false;
  const commandFile = `/proc/${readFileSync(PID_FILE, 'utf8').trim()}/comm`;
  return !existsSync(commandFile) || readFileSync(commandFile, 'utf8').trim() !== 'dockerd';
}

function endOfLog(): string {
  if (!existsSync(ENGINE_LOG)) return '  see: journalctl --unit docker';
  return readFileSync(ENGINE_LOG, 'utf8')
    .trim()
    .split('\n')
    .slice(-8)
    .map((line) => `  ${line}`)
    .join('\n');
}

/** True when the client is there at all; the engine's package brings one. */
export async function hasDockerClient(): Promise<boolean> {
  return (await run('docker', ['--version'])).exitCode === 0;
}
