/**
 * docker compose and docker as the commands need them. The project is always ours, whatever directory the user is in. What compose prints
 * is kept back: it tells of containers, our own lines tell of the cluster; when it fails, the end of it is in the error.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type RunResult, run, runOrThrow } from './process.ts';
import { CLUSTER_IMAGE, CLUSTER_LABEL, CLUSTER_NAME, projectRoot } from './project.ts';

/** The image of hello is built by two services that only exist for that. */
const IMAGES_PROFILE = 'images';

/** What `keelson nodes` starts, of which most clusters have no need. */
const SIMULATED_NODES = 'simulated-nodes';

/** What the user is logged in to. The kubelets are given it when they start. */
const dockerConfigPath = join(process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'), 'config.json');

/** A first build on a slow line. */
const BUILD_MS_MAX = 30 * 60_000;

/** What compose says of a service's container. */
export interface ServiceState {
  readonly service: string;
  /** `running`, `exited`, `restarting`, `created`, … */
  readonly state: string;
  /** `healthy`, `unhealthy`, `starting`, or empty where there is no check. */
  readonly health: string;
  readonly exitCode: number;
}

export async function buildServices(services: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  await runOrThrow('docker', composeArguments('--profile', IMAGES_PROFILE, 'build', ...services), {
    environment,
    timeoutMs: BUILD_MS_MAX,
    cwd: projectRoot,
  });
}

/** Creates what is missing, replaces what has changed, starts what does not run. The images must be there. */
export async function startServices(): Promise<void> {
  const login = existsSync(dockerConfigPath) ? { KEELSON_DOCKER_CONFIG: dockerConfigPath } : {};
  await runOrThrow('docker', composeArguments('up', '--detach', '--no-build', '--remove-orphans', '--quiet-pull'), {
    cwd: projectRoot,
    environment: login,
  });
}

/** Starts the process that keeps simulated nodes; nothing happens when it runs already. */
export async function startSimulatedNodes(): Promise<void> {
  const args = composeArguments('--profile', SIMULATED_NODES, 'up', '--detach', '--no-build', '--no-deps', SIMULATED_NODES);
  await runOrThrow('docker', args, { cwd: projectRoot });
}

export async function stopServices(services: readonly string[]): Promise<void> {
  await run('docker', composeArguments('stop', '--timeout', '2', ...services), { cwd: projectRoot });
}

/** Removes the services' containers and the network, and unless `keepData` the volumes. */
export async function removeServices(options: { readonly keepData: boolean }): Promise<void> {
  const volumes = options.keepData ? [] : ['--volumes'];
  await runOrThrow('docker', composeArguments('--profile', SIMULATED_NODES, 'down', '--remove-orphans', '--timeout', '3', ...volumes), {
    cwd: projectRoot,
  });
}

export async function listServices(): Promise<readonly ServiceState[]> {
  return parseServices(await runOrThrow('docker', composeArguments('ps', '--all', '--format', 'json'), { cwd: projectRoot }));
}

/** The last lines a service logged; empty while it has no container. */
export async function tailLogs(service: string, lineCount: number): Promise<string> {
  const { stdout, stderr } = await run('docker', ['logs', '--tail', String(lineCount), containerName(service)]);
  return `${stdout}${stderr}`.trimEnd();
}

/** Ids of what kubelets made: pods' containers, running or not. */
export async function listPodContainers(): Promise<readonly string[]> {
  return lines(await runOrThrow('docker', ['ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${CLUSTER_LABEL}`]));
}

/** Removes them in one call. One that another program removed first is no failure. */
export async function removeContainers(ids: readonly string[]): Promise<void> {
  if (ids.length > 0) throwUnlessGone(await run('docker', ['rm', '--force', '--volumes', ...ids]));
}

/** The nodes' own directories, in which kubelets mount what pods use. */
const NODE_VOLUMES = ['kubelet-control-plane', 'kubelet-1', 'kubelet-2'].map((name) => `${CLUSTER_NAME}_${name}`);

/**
 * Unmounts below the directories given, on the engine's host: what started our container lives there. Lazily, so that it may happen while the containers that
 * use the mounts are removed. The words of the kernel's list are: id, parent, device, root, mount point.
 */
const UNMOUNT = `
host=$(cut -d ' ' -f 4 /proc/$$/stat)
for directory; do
  cut -d ' ' -f 5 "/proc/$host/mountinfo" | grep "^$directory/" | sort --reverse
done | xargs --no-run-if-empty nsenter "--mount=/proc/$host/ns/mnt" -- umount --lazy`;

/** Takes away what kubelets have mounted for pods: it would keep their directories from being removed. Only after the kubelets have stopped. */
export async function unmountPodVolumes(): Promise<void> {
  const { stdout } = await run('docker', ['volume', 'inspect', '--format', '{{.Mountpoint}}', ...NODE_VOLUMES]);
  const directories = lines(stdout);
  if (directories.length === 0) return;
  const mayMount = [
    '--pid',
    'host',
    '--cap-drop',
    'ALL',
    ...['SYS_ADMIN', 'SYS_CHROOT', 'SYS_PTRACE'].flatMap((name) => ['--cap-add', name]),
  ];
  const isolated = ['--rm', '--network', 'none', '--security-opt', 'apparmor=unconfined'];
  await runOrThrow('docker', ['run', ...isolated, ...mayMount, CLUSTER_IMAGE, 'sh', '-c', UNMOUNT, 'sh', ...directories]);
}

export async function removePodVolumes(): Promise<void> {
  const names = lines(await runOrThrow('docker', ['volume', 'ls', '--quiet', '--filter', `label=${CLUSTER_LABEL}`]));
  if (names.length > 0) throwUnlessGone(await run('docker', ['volume', 'rm', '--force', ...names]));
}

/** Directories of the kernel's that held the nodes' pods: the engine makes them and does not remove them. Those of other clusters that are in use stay. */
export async function removeCgroups(): Promise<void> {
  const script = 'find /host/cgroup/keelson /host/cgroup/*/keelson -depth -type d -exec rmdir {} + 2>/dev/null; true';
  const mount = ['--volume', '/sys/fs/cgroup:/host/cgroup'];
  await run('docker', ['run', '--rm', '--network', 'none', '--pull', 'never', ...mount, CLUSTER_IMAGE, 'sh', '-c', script]);
}

/** The address of a node's container on the cluster's network; undefined while it does not run. */
export async function findNodeAddress(node: string): Promise<string | undefined> {
  const format = `{{with index .NetworkSettings.Networks "${CLUSTER_NAME}"}}{{.IPAddress}}{{end}}`;
  const { stdout } = await run('docker', ['inspect', '--format', format, containerName(node)]);
  return stdout.trim() === '' ? undefined : stdout.trim();
}

/** The name that compose gives to a service's one container. */
function containerName(service: string): string {
  return `${CLUSTER_NAME}-${service}-1`;
}

/** One JSON object a line since compose 2.21, one array before. */
export function parseServices(text: string): readonly ServiceState[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const values: unknown = trimmed.startsWith('[') ? JSON.parse(trimmed) : trimmed.split('\n').map((line) => JSON.parse(line));
  return Array.isArray(values) ? values.map(decodeService) : [];
}

function decodeService(value: unknown): ServiceState {
  const text = (name: string) => String(isRecord(value) ? (value[name] ?? '') : '');
  return { service: text('Service'), state: text('State'), health: text('Health'), exitCode: Number(text('ExitCode')) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function composeArguments(...args: readonly string[]): readonly string[] {
  return ['compose', '--project-directory', projectRoot, '--file', join(projectRoot, 'docker-compose.yml'), ...args];
}

function throwUnlessGone({ exitCode, stderr }: RunResult): void {
  if (exitCode === 0) return;
  const problems = lines(stderr).filter((line) => !/no such|already in progress/i.test(line));
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
