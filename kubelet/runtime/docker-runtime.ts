/**
 * The container runtime on Docker, through dockerode: the one file that talks to the engine. Every call has a deadline, because an engine
 * that hangs must not hang a pod for ever; errors leave as `RuntimeError` with a reason. Streams (events, logs) are read with
 * back-pressure: nothing is buffered here beyond what Node's sockets hold.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Duplex, type Readable } from 'node:stream';
import Docker from 'dockerode';
import type { Clock } from '#component/clock.ts';
import type { Usage } from '../stats/usage.ts';
import { createTurns } from '../turns.ts';
import { clusterLabel, dataVolumeLabel, identityOf, type Ownership, ownedBy } from './container-labels.ts';
import {
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerState,
  containerNameOf,
  type EngineResources,
  type ExecResult,
  type ImageInfo,
  type LogOptions,
  type ProcessSession,
  type RuntimeContainer,
  RuntimeError,
  type RuntimeEvent,
  type SandboxSpec,
  type SessionOptions,
  type TerminalSize,
} from './container-runtime.ts';
import { containerCreateOptions, sandboxCreateOptions, updateOptions } from './docker-create-options.ts';
import { createDockerSession } from './docker-session.ts';

/** Creating and starting take 0.2 s on an idle engine; a busy disk can make it many times that. Upstream's runtime timeout. */
const CALL_MS_MAX = 120_000;
/** Each start is some processes of the engine's: more of them at once than this take longer for all. */
const STARTS_AT_ONCE_MAX = 8;
/** What the engine may take beyond the grace period to stop a container. */
const STOP_SLACK_MS = 30_000;
/** Enough for the last event missed between a relist and the stream; events are hints, so a repeat costs one inspect. */
const EVENT_OVERLAP_MS = 1_000;
/** An event is under 2 kB; a longer line is no event. */
const EVENT_BYTES_MAX = 1024 * 1024;
/** Probe output goes into an event; upstream keeps 10 kB of it. */
const EXEC_OUTPUT_BYTES_MAX = 10 * 1024;
/** The second part of the engine's API version, from which on it knows recursive read-only mounts: Docker 25. */
const RECURSIVE_READ_ONLY_SINCE = 44;
/** Docker's answer to a start that fails because the command cannot be run. */
const START_ERROR_EXIT_CODE = 128;

export interface DockerRuntimeOptions extends Ownership {
  /** `/var/run/docker.sock` */
  readonly socketPath: string;
  /** Where the node's seccomp profiles are, as this process sees it. */
  readonly seccompDirectory: string;
}

/** Of a container: where it runs and what of the engine's host is mounted into it. */
export interface OwnContainer {
  readonly id: string;
  /** Of its first process, as the host counts. */
  readonly pid: number;
  readonly networkMode: string;
  /** Paths on the engine's host by mount point. */
  readonly mounts: ReadonlyMap<string, string>;
}

export interface DockerRuntime extends ContainerRuntime {
  /** The container one of these processes of the host is the first of; undefined when they run in none that mounts `mountPoint`. */
  findOwnContainer(pids: readonly number[], mountPoint: string): Promise<OwnContainer | undefined>;
  /** The process id of a running container, whoever made it. */
  findPid(containerId: string): Promise<number | undefined>;
  /** Calls back when that container, not one of ours, starts or stops. Throws when the stream breaks. */
  watchContainer(containerId: string, onEvent: () => void, signal: AbortSignal): Promise<void>;
}

export function createDockerRuntime(options: DockerRuntimeOptions, deps: { readonly clock: Clock }): DockerRuntime {
  const docker = new Docker({ socketPath: options.socketPath });
  const { clock } = deps;
  const starts = createTurns(STARTS_AT_ONCE_MAX, { clock });

  /** Runs one call: bounded in time, its failure translated. */
  async function call<T>(what: string, action: () => Promise<T>, msMax = CALL_MS_MAX): Promise<T> {
    let cancel = (): void => {};
    const expired = new Promise<never>((_, reject) => {
      cancel = clock.after(msMax, () => reject(new RuntimeError('Unavailable', `${what}: the engine did not answer in ${msMax} ms`)));
    });
    try {
      return await Promise.race([action(), expired]);
    } catch (error) {
      throw toRuntimeError(error);
    } finally {
      cancel();
    }
  }

  let engineDirectory: string | undefined;
  async function findEngineDirectory(): Promise<string> {
    engineDirectory ??= textOf(await call('info', () => docker.info()), 'DockerRootDir');
    return engineDirectory;
  }

  async function findContainer(id: string): Promise<RuntimeContainer | undefined> {
    const found = await orUndefined(call('inspect', () => docker.getContainer(id).inspect()));
    return found === undefined ? undefined : decodeContainer(found);
  }

  async function createOnce(spec: SandboxSpec | ContainerSpec, body: Docker.ContainerCreateOptions): Promise<string> {
    const name = containerNameOf(spec.identity);
    try {
      return (await call('create', () => docker.createContainer({ ...body, name }))).id;
    } catch (error) {
      if (!isRuntimeReason(error, 'Conflict')) throw error;
      // Made before a crash, or by a create whose answer was lost: it is the container we want.
      return (await call('inspect', () => docker.getContainer(name).inspect())).Id;
    }
  }

  async function startExec(id: string, command: readonly string[], options: SessionOptions) {
    const { hasStdin, hasStdout, hasStderr, hasTerminal } = options;
    const attached = { AttachStdin: hasStdin, AttachStdout: hasStdout, AttachStderr: hasStderr, Tty: hasTerminal };
    const exec = await call('create exec', () => docker.getContainer(id).exec({ Cmd: [...command], ...attached }));
    const connection = await call('start exec', () => exec.start({ hijack: true, stdin: hasStdin, Tty: hasTerminal }));
    const inspect = () => call('inspect exec', () => exec.inspect());
    const control = {
      resize: ({ columns, rows }: TerminalSize) => call('resize exec', () => exec.resize({ w: columns, h: rows })),
      findExitCode: async () => {
        const { Running, ExitCode } = await inspect();
        return Running ? undefined : (ExitCode ?? 0);
      },
    };
    const session = createDockerSession(toDuplex(connection), options, control, deps);
    return { session, findPid: async () => (await inspect()).Pid };
  }

  async function streamEvents(filters: Record<string, string[]>, onOpen: () => void, onLine: (line: string) => void, signal: AbortSignal) {
    const since = (clock.now() - EVENT_OVERLAP_MS) / 1000;
    const stream = await call('events', () => docker.getEvents({ filters, since, abortSignal: signal }));
    onOpen();
    let rest = '';
    try {
      for await (const chunk of readBytes(stream)) {
        const lines = (rest + Buffer.from(chunk).toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > EVENT_BYTES_MAX) throw new RuntimeError('Refused', 'the engine sent an event without an end');
        for (const line of lines) if (line !== '') onLine(line);
      }
    } catch (error) {
      if (!signal.aborted) throw toRuntimeError(error);
    }
    if (!signal.aborted) throw new RuntimeError('Unavailable', 'the engine closed the event stream');
  }

  return {
    getInfo: async () => {
      const [info, version] = await Promise.all([
        call('info', () => docker.info(), 10_000),
        call('version', () => docker.version(), 10_000),
      ]);
      return {
        version: version.Version,
        kernelVersion: version.KernelVersion ?? '',
        osImage: textOf(info, 'OperatingSystem'),
        cpuCount: numberOf(info, 'NCPU'),
        memoryBytes: numberOf(info, 'MemTotal'),
        machineId: textOf(info, 'ID'),
        mountsRecursively: Number(version.ApiVersion.split('.')[1]) >= RECURSIVE_READ_ONLY_SINCE,
        cgroupDriver: textOf(info, 'CgroupDriver') === 'systemd' ? 'systemd' : 'cgroupfs',
        cgroupVersion: textOf(info, 'CgroupVersion') === '2' ? 2 : 1,
      };
    },

    listContainers: async () => {
      const listed = await call('list', () => docker.listContainers({ all: true, filters: { label: ownedBy(options) } }));
      const found = await Promise.all(listed.map(({ Id }) => findContainer(Id)));
      return found.filter((container) => container !== undefined);
    },

    findContainer,

    watchEvents: (onOpen, onEvent, signal) => {
      const filters = { type: ['container'], event: ['create', 'start', 'die', 'destroy'], label: ownedBy(options) };
      const onLine = (line: string) => {
        const event = decodeEvent(line);
        if (event !== undefined) onEvent(event);
      };
      return streamEvents(filters, onOpen, onLine, signal);
    },

    findImage: async (image) => {
      const found = await orUndefined(call('inspect image', () => docker.getImage(image).inspect()));
      return found === undefined ? undefined : decodeImage(found);
    },

    pullImage: async (image, credential, signal) => {
      const authconfig =
        credential === undefined
          ? {}
          : { authconfig: { username: credential.username, password: credential.password, serveraddress: credential.serverAddress } };
      const stream = await call('pull', () => docker.pull(withTag(image), { abortSignal: signal, ...authconfig }));
      // The engine answers 200 and reports failure as the last line.
      let last = '';
      for await (const chunk of readBytes(stream)) last = (last + Buffer.from(chunk).toString('utf8')).slice(-EVENT_BYTES_MAX);
      const failure = last
        .split('\n')
        .map(pullErrorOf)
        .find((message) => message !== undefined);
      if (failure !== undefined) throw new RuntimeError('Refused', failure);
    },

    removeImage: async (image) => {
      try {
        await call('remove image', () => docker.getImage(image).remove());
      } catch (error) {
        if (isRuntimeReason(error, 'Conflict')) return 'in-use';
        if (!isRuntimeReason(error, 'NotFound')) throw error;
      }
      return 'removed';
    },

    createSandbox: (spec) => createOnce(spec, sandboxCreateOptions(spec, options)),
    createContainer: async (spec) => {
      const facts = { engineDirectory: await findEngineDirectory(), seccomp: await readSeccompProfile(spec, options) };
      return createOnce(spec, containerCreateOptions(spec, options, facts));
    },

    startContainer: async (id) => {
      try {
        await starts.run(() => call('start', () => docker.getContainer(id).start()));
      } catch (error) {
        if (!isNotModified(error)) throw error;
      }
    },

    updateContainer: async (id, resources) => {
      await call('update', () => docker.getContainer(id).update(updateOptions(resources)));
    },

    stopContainer: async (id, gracePeriodSeconds) => {
      const msMax = gracePeriodSeconds * 1000 + STOP_SLACK_MS;
      try {
        await call('stop', () => docker.getContainer(id).stop({ t: gracePeriodSeconds }), msMax);
      } catch (error) {
        if (!isNotModified(error) && !isRuntimeReason(error, 'NotFound')) throw error;
      }
    },

    removeContainer: async (id) => {
      try {
        await call('remove', () => docker.getContainer(id).remove({ force: true, v: true }));
      } catch (error) {
        // Conflict: another removal of it is under way.
        if (!isRuntimeReason(error, 'NotFound', 'Conflict')) throw error;
      }
    },

    createDataVolume: async (name) => {
      const labels = { [clusterLabel]: options.cluster, [dataVolumeLabel]: name };
      const volume = { Name: dataVolumeName(options, name), Driver: 'local', Labels: labels };
      await call('create volume', () => docker.createVolume(volume));
      return (await call('inspect volume', () => docker.getVolume(volume.Name).inspect())).Mountpoint;
    },

    removeDataVolume: async (name) => {
      await orUndefined(call('remove volume', () => docker.getVolume(dataVolumeName(options, name)).remove()));
    },

    readUsage: async (id) => {
      const oneShot = { stream: false as const, 'one-shot': true };
      const stats = await orUndefined(call('stats', () => docker.getContainer(id).stats(oneShot)));
      return stats === undefined ? undefined : decodeUsage(stats, clock.now());
    },

    measureLayers: async () => {
      const listed = await call('measure', () => docker.listContainers({ all: true, size: true, filters: { label: ownedBy(options) } }));
      return new Map(listed.map((container) => [container.Id, numberOf(container, 'SizeRw')]));
    },

    exec: async (id, command, signal) => {
      const { session, findPid } = await startExec(id, command, { hasStdin: false, hasStdout: true, hasStderr: true, hasTerminal: false });
      // The engine has no call that ends a command.
      const kill = () => void findPid().then(killProcess, () => {});
      signal.addEventListener('abort', kill, { once: true });
      try {
        if (signal.aborted) kill();
        return await Promise.race([gather(session, signal), rejectWhen(signal)]);
      } finally {
        signal.removeEventListener('abort', kill);
        session.close();
      }
    },

    startCommand: async (id, command, options) => (await startExec(id, command, options)).session,

    attach: async (id, session) => {
      const { hasStdin: stdin, hasStdout: stdout, hasStderr: stderr } = session;
      const container = docker.getContainer(id);
      const connection = await call('attach', () => container.attach({ stream: true, hijack: true, stdin, stdout, stderr }));
      const control = {
        resize: ({ columns, rows }: TerminalSize) => call('resize', () => container.resize({ w: columns, h: rows })),
        findExitCode: async () => 0,
      };
      return createDockerSession(toDuplex(connection), session, control, deps);
    },

    readLogs: async (id, logOptions, signal) => readBytes(await call('logs', () => openLogs(docker, id, logOptions, signal))),

    findOwnContainer: async (pids, mountPoint) => {
      const filters = { status: ['running'], volume: [mountPoint] };
      const listed = await call('list', () => docker.listContainers({ filters }));
      const found = await Promise.all(listed.map(({ Id }) => orUndefined(call('inspect', () => docker.getContainer(Id).inspect()))));
      const own = found.find((container) => container !== undefined && pids.includes(container.State.Pid));
      if (own === undefined) return undefined;
      const mounts = new Map(own.Mounts.map((mount) => [mount.Destination, mount.Source]));
      return { id: own.Id, pid: own.State.Pid, networkMode: own.HostConfig.NetworkMode ?? 'default', mounts };
    },

    findPid: async (containerId) => {
      const found = await orUndefined(call('inspect', () => docker.getContainer(containerId).inspect()));
      return found?.State.Running === true ? found.State.Pid : undefined;
    },

    watchContainer: (containerId, onEvent, signal) =>
      streamEvents({ type: ['container'], event: ['start', 'die'], container: [containerId] }, onEvent, onEvent, signal),
  };
}

/** Several clusters may share an engine. */
function dataVolumeName({ cluster }: Ownership, name: string): string {
  return `${cluster}_${name}`;
}

/** What the engine's client gives for a connection taken out of HTTP: a socket, whatever its type says. */
function toDuplex(connection: NodeJS.ReadWriteStream): Duplex {
  if (connection instanceof Duplex) return connection;
  throw new RuntimeError('Refused', 'the engine did not give the connection away');
}

async function readSeccompProfile({ seccomp }: ContainerSpec, { seccompDirectory }: DockerRuntimeOptions): Promise<string | undefined> {
  if (seccomp.type !== 'localhost') return undefined;
  const path = join(seccompDirectory, seccomp.name);
  if (!path.startsWith(`${seccompDirectory}/`))
    throw new RuntimeError('Refused', `seccomp profile ${seccomp.name} lies outside of ${seccompDirectory}`);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RuntimeError('Refused', `cannot load seccomp profile "${path}": open ${path}: no such file or directory`, error);
  }
}

async function gather(session: ProcessSession, signal: AbortSignal): Promise<ExecResult> {
  let output = Buffer.alloc(0);
  for await (const { bytes } of session.output) {
    if (output.length < EXEC_OUTPUT_BYTES_MAX) output = Buffer.concat([output, bytes]).subarray(0, EXEC_OUTPUT_BYTES_MAX);
  }
  return { exitCode: await session.exitCode(signal), output: output.toString('utf8') };
}

function rejectWhen(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** One that has ended meanwhile needs no killing. */
function killProcess(pid: number): void {
  if (pid <= 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

/** As dockerode's `logs`, which gathers a log that is not followed in memory; this one always streams. */
function openLogs(docker: Docker, id: string, options: LogOptions, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
  const query = {
    stdout: true,
    stderr: true,
    follow: options.isFollowed,
    timestamps: options.hasTimestamps,
    ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
    ...(options.sinceMs === undefined ? {} : { since: options.sinceMs / 1000 }),
  };
  const request = {
    path: `/containers/${encodeURIComponent(id)}/logs?`,
    method: 'GET',
    isStream: true,
    options: query,
    abortSignal: signal,
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: unknown, stream: unknown) => {
      if (isReadable(stream)) resolve(stream);
      else reject(error);
    });
  });
}

function isReadable(value: unknown): value is Readable {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A stream as chunks of bytes; leaving the loop early closes it. */
async function* readBytes(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

function decodeContainer(found: Docker.ContainerInspectInfo): RuntimeContainer | undefined {
  const identity = identityOf(found.Config.Labels);
  if (identity === undefined) return undefined;
  return {
    id: found.Id,
    identity,
    image: found.Config.Image,
    imageId: found.Image,
    createdAtMs: timeMs(found.Created),
    state: decodeState(found.State, timeMs(found.Created)),
    hasTerminal: found.Config.Tty,
    closesStdinOnce: found.Config.StdinOnce,
    resources: decodeResources(found.HostConfig),
    sandboxId: identity.containerName === undefined ? undefined : found.HostConfig.NetworkMode?.replace(/^container:/, ''),
  };
}

/** The engine writes 0 for no limit, and for the kernel's own number of shares. */
function decodeResources({ CpuShares = 0, CpuQuota = 0, Memory = 0 }: Docker.HostConfig): EngineResources {
  return {
    cpuShares: CpuShares,
    ...(CpuQuota <= 0 ? {} : { cpuQuotaMicros: CpuQuota }),
    ...(Memory <= 0 ? {} : { memoryBytesMax: Memory }),
  };
}

function decodeState(state: Docker.ContainerInspectInfo['State'], createdAtMs: number): ContainerState {
  const startedAtMs = timeMs(state.StartedAt);
  if (state.Running) return { phase: 'running', pid: state.Pid, startedAtMs };
  if (state.Status === 'created') {
    if (state.Error === '') return { phase: 'created' };
    const at = timeMs(state.FinishedAt) || createdAtMs;
    const failed = { exitCode: START_ERROR_EXIT_CODE, reason: 'StartError', message: state.Error };
    return { phase: 'exited', ...failed, startedAtMs: 0, finishedAtMs: at };
  }
  const reason = state.OOMKilled ? 'OOMKilled' : state.ExitCode === 0 ? 'Completed' : 'Error';
  // The engine writes down the start after it has happened; a process that ends at once may have ended before that.
  const finishedAtMs = Math.max(timeMs(state.FinishedAt), startedAtMs);
  return { phase: 'exited', exitCode: state.ExitCode, reason, message: '', startedAtMs, finishedAtMs };
}

/** Undefined for a container that does not run: its memory has no usage. */
function decodeUsage(stats: Docker.ContainerStats, atMs: number): Usage | undefined {
  const { usage, stats: detail } = stats.memory_stats;
  if (usage === undefined) return undefined;
  const of = (...names: readonly string[]) => names.map((name) => numberOf(detail, name)).find((value) => value > 0) ?? 0;
  return {
    atMs,
    cpuNanos: stats.cpu_stats.cpu_usage.total_usage,
    memory: {
      usageBytes: usage,
      workingSetBytes: Math.max(0, usage - of('total_inactive_file', 'inactive_file')),
      rssBytes: of('total_rss', 'anon'),
      pageFaults: of('total_pgfault', 'pgfault'),
      majorPageFaults: of('total_pgmajfault', 'pgmajfault'),
    },
    processes: stats.pids_stats?.current ?? 0,
  };
}

/** Docker writes the year 1 for "never". */
function timeMs(text: string): number {
  return Math.max(0, Date.parse(text) || 0);
}

function decodeImage(found: Docker.ImageInspectInfo): ImageInfo {
  return { id: found.Id, digest: found.RepoDigests?.[0] ?? found.Id, sizeBytes: found.Size, user: found.Config.User ?? '' };
}

const eventNames: Readonly<Record<string, RuntimeEvent['what']>> = {
  create: 'created',
  start: 'started',
  die: 'exited',
  destroy: 'removed',
};

function decodeEvent(line: string): RuntimeEvent | undefined {
  const event: unknown = JSON.parse(line);
  const what = eventNames[textOf(event, 'Action')];
  const actor = typeof event === 'object' && event !== null && 'Actor' in event ? event.Actor : undefined;
  const containerId = textOf(actor, 'ID');
  return what === undefined || containerId === '' ? undefined : { containerId, what };
}

function pullErrorOf(line: string): string | undefined {
  if (!line.includes('"error"')) return undefined;
  try {
    const message = textOf(JSON.parse(line), 'error');
    return message === '' ? undefined : message;
  } catch {
    return undefined;
  }
}

/** Docker pulls every tag of a reference that names none. */
function withTag(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  return lastPart.includes(':') || lastPart.includes('@') ? image : `${image}:latest`;
}

function textOf(value: unknown, key: string): string {
  const found = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'string' ? found : '';
}

function numberOf(value: unknown, key: string): number {
  const found = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'number' ? found : 0;
}

/** The engine's status codes as reasons; the message without dockerode's prefix. */
function toRuntimeError(error: unknown): Error {
  if (error instanceof RuntimeError) return error;
  const statusCode = numberOf(error, 'statusCode');
  const json = typeof error === 'object' && error !== null ? Reflect.get(error, 'json') : undefined;
  const message = textOf(json, 'message') || withoutPrefix(error instanceof Error ? error.message : String(error));
  if (statusCode === 304) return new RuntimeError('Conflict', 'not modified', error);
  if (statusCode === 404) return new RuntimeError('NotFound', message, error);
  if (statusCode === 409) return new RuntimeError('Conflict', message, error);
  if (statusCode >= 400) return new RuntimeError('Refused', message, error);
  return new RuntimeError('Unavailable', message, error);
}

/** dockerode's own words before the engine's. */
function withoutPrefix(message: string): string {
  return message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

function isRuntimeReason(error: unknown, ...reasons: readonly RuntimeError['reason'][]): boolean {
  return error instanceof RuntimeError && reasons.includes(error.reason);
}

/** 304: it is already as asked. */
function isNotModified(error: unknown): boolean {
  return error instanceof RuntimeError && numberOf(error.cause, 'statusCode') === 304;
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isRuntimeReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
