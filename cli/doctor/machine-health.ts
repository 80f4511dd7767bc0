/** Finds out how the machine is, for `keelson doctor`. Changes nothing. What cannot be found out here is undefined and not judged. */
import { X509Certificate } from 'node:crypto';
import { existsSync, globSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { connect } from 'node:net';
import { systemClock } from '#component/clock.ts';
import { listPodContainers, listServices } from '../compose.ts';
import { run } from '../process.ts';
import { hostFiles } from '../project.ts';
import { findEngineVersion, findMachineFacts } from '../setup/machine-facts.ts';
import { planSetup } from '../setup/plan-setup.ts';
import type { MachineHealth } from './judge-machine.ts';

const API_SERVER_PORT = 6443;
const CONNECT_MS_MAX = 1_000;

/** A listening socket's state in /proc/net/tcp. */
const TCP_LISTEN = '0A';

export async function findMachineHealth(): Promise<MachineHealth> {
  const facts = await findMachineFacts();
  const hasEngine = facts.engine === 'running';
  const info = hasEngine ? await findEngineInfo() : undefined;
  const services = hasEngine && facts.composeVersion !== undefined ? await listServices() : [];
  const isClusterRunning = services.some(({ service, state }) => service === 'control-plane' && state === 'running');
  return {
    nowMs: systemClock.now(),
    engine: facts.engine,
    engineVersion: hasEngine ? await findEngineVersion() : undefined,
    composeVersion: facts.composeVersion,
    setup: planSetup(facts, { forTests: false }),
    engineTimeMs: info?.timeMs,
    memoryBytes: info?.memoryBytes,
    diskBytesFree: info === undefined ? undefined : findDiskBytesFree(info.rootDirectory),
    inotifyInstances: findNumber('/proc/sys/fs/inotify/max_user_instances'),
    isClusterRunning,
    podContainers: hasEngine ? (await listPodContainers()).length : 0,
    portHolder: isClusterRunning ? undefined : await findPortHolder(hasEngine),
    certificateEndMs: findCertificateEnd(),
  };
}

interface EngineInfo {
  readonly timeMs: number;
  readonly memoryBytes: number;
  readonly rootDirectory: string;
}

async function findEngineInfo(): Promise<EngineInfo | undefined> {
  const answer = await run('docker', ['info', '--format', '{{.SystemTime}} {{.MemTotal}} {{.DockerRootDir}}']);
  const [time = '', memory = '', rootDirectory = ''] = answer.stdout.trim().split(' ');
  return answer.exitCode === 0 ? { timeMs: Date.parse(time), memoryBytes: Number(memory), rootDirectory } : undefined;
}

/** Undefined where the engine's disk is another machine's. */
function findDiskBytesFree(directory: string): number | undefined {
  if (!existsSync(directory)) return undefined;
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function findNumber(path: string): number | undefined {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
}

/** Who accepts connections on the API server's port: a container by its name, a process by its command, or `somebody`. */
async function findPortHolder(hasEngine: boolean): Promise<string | undefined> {
  if (!(await isPortTaken())) return undefined;
  const args = ['ps', '--filter', `publish=${API_SERVER_PORT}`, '--format', '{{.Names}}'];
  const container = hasEngine ? (await run('docker', args)).stdout.trim().split('\n')[0] : undefined;
  if (container !== undefined && container !== '') return `the container ${container}`;
  return findListeningProcess() ?? 'somebody';
}

function isPortTaken(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: API_SERVER_PORT, timeout: CONNECT_MS_MAX });
    const answer = (isTaken: boolean) => {
      socket.destroy();
      resolve(isTaken);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

/** Linux only, and only processes that this user may look into. */
function findListeningProcess(): string | undefined {
  const port = API_SERVER_PORT.toString(16).toUpperCase().padStart(4, '0');
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync).flatMap((path) => readFileSync(path, 'utf8').split('\n'));
  const inodes = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local = '', , state]) => local.endsWith(`:${port}`) && state === TCP_LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
  const descriptor = globSync('/proc/[0-9]*/fd/*').find((path) => inodes.includes(readLink(path)));
  const processId = descriptor?.split('/')[2];
  return processId === undefined ? undefined : `${readFileSync(`/proc/${processId}/comm`, 'utf8').trim()} (process ${processId})`;
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed since, or another user's.
    return '';
  }
}

function findCertificateEnd(): number | undefined {
  if (!existsSync(hostFiles.certificate)) return undefined;
  return new X509Certificate(readFileSync(hostFiles.certificate)).validToDate.getTime();
}
