/** Judges what `machine-health.ts` found, one finding per matter: pure. A `problem` keeps a cluster from working; a `hint` may, later. */
import { formatDuration } from '../progress.ts';
import { COMPOSE_VERSION_MIN, type EngineState, isAtLeast, type SetupPlan } from '../setup/plan-setup.ts';

const GIB = 2 ** 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Images, their building and a few pods' data. */
const DISK_BYTES_MIN = 3 * GIB;
/** Measured: a dozen Node processes, etcd and some pods; more is for the user's own. */
const MEMORY_BYTES_MIN = 2 * GIB;
/** Many pods that watch files run into the usual 128; what the failure looks like is "too many open files". */
const INOTIFY_INSTANCES_MIN = 256;
/** Certificates are backdated by more than this, so a smaller skew harms nobody. */
const CLOCK_SKEW_MS_MAX = 30_000;
/** Renewal happens at two thirds of a year, on `up`; one that is nearer to its end than this missed it. */
const CERTIFICATE_REMAINING_MS_MIN = 30 * DAY_MS;

export interface MachineHealth {
  readonly nowMs: number;
  readonly engine: EngineState;
  readonly engineVersion: string | undefined;
  readonly composeVersion: string | undefined;
  readonly setup: SetupPlan;
  readonly engineTimeMs: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly diskBytesFree: number | undefined;
  readonly inotifyInstances: number | undefined;
  readonly isClusterRunning: boolean;
  readonly podContainers: number;
  /** Who listens on the API server's port when it is not our control plane. */
  readonly portHolder: string | undefined;
  readonly certificateEndMs: number | undefined;
}

export interface Finding {
  readonly level: 'ok' | 'hint' | 'problem';
  readonly matter: string;
  readonly text: string;
  readonly todo?: string;
}

export function judgeMachine(health: MachineHealth): readonly Finding[] {
  const judges = [
    judgeEngine,
    judgeCompose,
    judgeMemory,
    judgeDisk,
    judgeInotify,
    judgePort,
    judgeClock,
    judgeLeftovers,
    judgeCertificates,
  ];
  return judges.flatMap((judge) => judge(health) ?? []);
}

function judgeEngine({ engine, engineVersion, setup }: MachineHealth): Finding {
  const matter = 'Docker engine';
  if (engine === 'running') return { level: 'ok', matter, text: `${engineVersion} runs` };
  const texts = { absent: 'is not installed', stopped: 'does not run', forbidden: 'does not let this user in' };
  return { level: 'problem', matter, text: texts[engine], todo: setup.missing[0]?.how.join('; ') ?? 'npx keelson setup' };
}

function judgeCompose({ composeVersion, setup }: MachineHealth): Finding {
  const matter = 'docker compose';
  if (composeVersion !== undefined && isAtLeast(composeVersion, COMPOSE_VERSION_MIN)) return { level: 'ok', matter, text: composeVersion };
  const todo = setup.missing.find(({ what }) => what.startsWith(matter))?.how.join('; ') ?? 'npx keelson setup';
  const text = composeVersion === undefined ? 'is not installed' : `${composeVersion} is older than ${COMPOSE_VERSION_MIN}`;
  return { level: 'problem', matter, text, todo };
}

function judgeMemory({ memoryBytes }: MachineHealth): Finding | undefined {
  if (memoryBytes === undefined) return undefined;
  const matter = 'memory';
  const text = `${gibibytes(memoryBytes)} GiB for the engine`;
  return memoryBytes >= MEMORY_BYTES_MIN
    ? { level: 'ok', matter, text }
    : { level: 'problem', matter, text, todo: `give the engine ${gibibytes(MEMORY_BYTES_MIN)} GiB or more` };
}

function judgeDisk({ diskBytesFree }: MachineHealth): Finding | undefined {
  if (diskBytesFree === undefined) return undefined;
  const matter = 'disk';
  const text = `${gibibytes(diskBytesFree)} GiB free for images`;
  return diskBytesFree >= DISK_BYTES_MIN ? { level: 'ok', matter, text } : { level: 'problem', matter, text, todo: 'docker image prune' };
}

function judgeInotify({ inotifyInstances }: MachineHealth): Finding | undefined {
  if (inotifyInstances === undefined) return undefined;
  const matter = 'inotify';
  const text = `${inotifyInstances} instances per user`;
  return inotifyInstances >= INOTIFY_INSTANCES_MIN
    ? { level: 'ok', matter, text }
    : { level: 'hint', matter, text: `${text}: few for many pods`, todo: 'sysctl -w fs.inotify.max_user_instances=1024' };
}

function judgePort({ isClusterRunning, portHolder }: MachineHealth): Finding {
  const matter = 'port 6443';
  if (isClusterRunning) return { level: 'ok', matter, text: 'our API server has it' };
  if (portHolder === undefined) return { level: 'ok', matter, text: 'free' };
  return { level: 'problem', matter, text: `taken by ${portHolder}`, todo: 'stop that, or it will not start here' };
}

function judgeClock({ engineTimeMs, nowMs }: MachineHealth): Finding | undefined {
  if (engineTimeMs === undefined) return undefined;
  const matter = 'clock';
  const skewMs = Math.abs(engineTimeMs - nowMs);
  return skewMs <= CLOCK_SKEW_MS_MAX
    ? { level: 'ok', matter, text: 'the engine agrees with this machine' }
    : { level: 'problem', matter, text: `the engine's is off by ${formatDuration(skewMs)}`, todo: 'restart Docker Desktop' };
}

function judgeLeftovers({ isClusterRunning, podContainers }: MachineHealth): Finding | undefined {
  if (isClusterRunning || podContainers === 0) return undefined;
  return { level: 'hint', matter: 'leftovers', text: `${podContainers} containers of pods, but no cluster`, todo: 'npx keelson down' };
}

function judgeCertificates({ certificateEndMs, nowMs }: MachineHealth): Finding | undefined {
  if (certificateEndMs === undefined) return undefined;
  const matter = 'certificates';
  const days = Math.floor((certificateEndMs - nowMs) / DAY_MS);
  const todo = 'npx keelson down --keep-data && npx keelson up';
  if (certificateEndMs <= nowMs) return { level: 'problem', matter, text: 'have ended', todo };
  if (certificateEndMs - nowMs < CERTIFICATE_REMAINING_MS_MIN) return { level: 'hint', matter, text: `end in ${days} days`, todo };
  return { level: 'ok', matter, text: `good for ${days} days` };
}

function gibibytes(bytes: number): string {
  return (bytes / GIB).toFixed(1);
}
