/**
 * A container engine in memory, for tests and simulations: instant, driven by the clock it is given, and as strict about names as the real one.
 * What a container does once started is decided by `behave`; a test ends, kills or loses containers by hand, takes the engine down, or makes a
 * call fail. It passes the same contract as the Docker runtime.
 */
import type { Clock } from '#component/clock.ts';
import {
  type ContainerIdentity,
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerState,
  containerNameOf,
  type EngineResources,
  type ExecResult,
  type ImageInfo,
  type ProcessSession,
  type RuntimeContainer,
  RuntimeError,
  type RuntimeEvent,
  type SandboxSpec,
  type SessionOptions,
} from './container-runtime.ts';
import { createFakeSession, type FakeProgram } from './fake-session.ts';

/** What a container does after it was started: runs until stopped when undefined. */
export interface Behaviour {
  readonly exitsAfterMs?: number;
  readonly exitCode?: number;
  /** Ignores the stop signal: only SIGKILL ends it. */
  readonly ignoresStop?: boolean;
  readonly output?: string;
  readonly exec?: (command: readonly string[]) => ExecResult | Promise<ExecResult>;
  /** What a command does whose streams are held; for an attached container, without a command. Ends at once with 0 when absent. */
  readonly program?: (command: readonly string[]) => FakeProgram;
}

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** Names of images that are there. */
  readonly images?: readonly string[];
  /** Images that a pull brings. */
  readonly registry?: readonly string[];
  /** Of images that the registry does not give to everybody. */
  readonly passwords?: Readonly<Record<string, string>>;
  readonly behave?: (spec: ContainerSpec) => Behaviour;
  /** Called before each call has any effect: what it throws is the answer. */
  readonly onCall?: (call: string, detail: string) => void;
}

export interface FakeRuntime extends ContainerRuntime {
  all(): readonly RuntimeContainer[];
  specOf(id: string): ContainerSpec | undefined;
  /** Every create, start, stop and remove so far: `create web/0`, `start POD/0`. */
  readonly calls: readonly string[];
  /** How many containers of each name ran at once, at most. */
  readonly twins: readonly string[];
  /** Ends a running container from outside. */
  exit(id: string, exitCode: number, reason?: string): void;
  /** As if the container had written so much. */
  setLayerBytes(id: string, bytes: number): void;
  /** The engine restarts: nothing runs any more, every stream breaks. */
  restartEngine(): void;
}

interface Held {
  container: RuntimeContainer;
  readonly spec: ContainerSpec | undefined;
  readonly behaviour: Behaviour;
}

const SIGTERM_EXIT_CODE = 143;
const SIGKILL_EXIT_CODE = 137;

export function createFakeRuntime(options: FakeRuntimeOptions): FakeRuntime {
  const { clock } = options;
  const held = new Map<string, Held>();
  const images = new Set(options.images ?? []);
  const layerBytes = new Map<string, number>();
  const listeners = new Set<{ onEvent(event: RuntimeEvent): void; onBreak(): void }>();
  const calls: string[] = [];
  const twins: string[] = [];
  let made = 0;

  function call(name: string, identity: ContainerIdentity): void {
    const detail = `${identity.containerName ?? 'POD'}/${identity.attempt}`;
    options.onCall?.(name, detail);
    calls.push(`${name} ${detail}`);
  }

  function emit(containerId: string, what: RuntimeEvent['what']): void {
    for (const { onEvent } of listeners) onEvent({ containerId, what });
  }

  function get(id: string): Held {
    const found = held.get(id);
    if (found === undefined) throw new RuntimeError('NotFound', `No such container: ${id}`);
    return found;
  }

  function setState(entry: Held, state: ContainerState, what: RuntimeEvent['what']): void {
    entry.container = { ...entry.container, state };
    emit(entry.container.id, what);
  }

  function create(identity: ContainerIdentity, image: string, spec: ContainerSpec | undefined): string {
    const name = containerNameOf(identity);
    const existing = [...held.values()].find(({ container }) => containerNameOf(container.identity) === name);
    if (existing !== undefined) return existing.container.id;
    call('create', identity);
    if (!images.has(image)) throw new RuntimeError('NotFound', `No such image: ${image}`);
    made += 1;
    const id = `c${made}`;
    const container = {
      id,
      identity,
      image,
      imageId: `sha256:${image}`,
      createdAtMs: clock.now(),
      state: { phase: 'created' as const },
      hasTerminal: false,
      closesStdinOnce: spec?.closesStdinOnce === true,
      resources: resourcesOf(spec),
      sandboxId: spec?.sandboxId,
    };
    held.set(id, { container, spec, behaviour: spec === undefined ? {} : (options.behave?.(spec) ?? {}) });
    emit(id, 'created');
    return id;
  }

  function start(entry: Held): void {
    const { container, behaviour, spec } = entry;
    call('start', container.identity);
    noteTwin(container.identity);
    if (spec !== undefined && held.get(spec.sandboxId)?.container.state.phase !== 'running') {
      throw new RuntimeError('Conflict', `cannot join network of a non running container: ${spec.sandboxId}`);
    }
    const startedAtMs = clock.now();
    made += 1;
    setState(entry, { phase: 'running', pid: made, startedAtMs }, 'started');
    if (behaviour.exitsAfterMs !== undefined) clock.after(behaviour.exitsAfterMs, () => exit(container.id, behaviour.exitCode ?? 0));
  }

  /** Two at once of one container is what a kubelet must never bring about. */
  function noteTwin(identity: ContainerIdentity): void {
    const isTwin = [...held.values()].some(
      ({ container: { identity: other, state } }) =>
        state.phase === 'running' &&
        other.podUid === identity.podUid &&
        other.containerName === identity.containerName &&
        other.attempt !== identity.attempt,
    );
    if (isTwin) twins.push(containerNameOf(identity));
  }

  function exit(id: string, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    const entry = held.get(id);
    if (entry?.container.state.phase !== 'running') return;
    const { startedAtMs } = entry.container.state;
    setState(entry, { phase: 'exited', exitCode, reason, message: '', startedAtMs, finishedAtMs: clock.now() }, 'exited');
  }

  function startProgram({ container, behaviour }: Held, command: readonly string[], session: SessionOptions): ProcessSession {
    if (container.state.phase !== 'running') throw new RuntimeError('Conflict', `Container ${container.id} is not running`);
    return createFakeSession(behaviour.program?.(command) ?? (async () => 0), session);
  }

  /** A command ends with its container. */
  async function runFakeExec({ container, behaviour }: Held, command: readonly string[], signal: AbortSignal): Promise<ExecResult> {
    if (container.state.phase !== 'running') throw new RuntimeError('Conflict', `Container ${container.id} is not running`);
    const ended = Promise.withResolvers<ExecResult>();
    const onAbort = () => ended.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const listener = {
      onEvent: ({ containerId, what }: RuntimeEvent) => {
        if (containerId === container.id && what === 'exited') ended.resolve({ exitCode: SIGKILL_EXIT_CODE, output: '' });
      },
      onBreak: () => {},
    };
    listeners.add(listener);
    try {
      return await Promise.race([ended.promise, behaviour.exec?.(command) ?? { exitCode: 0, output: '' }]);
    } finally {
      listeners.delete(listener);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async function* readOutput(id: string): AsyncGenerator<Uint8Array> {
    const text = Buffer.from(get(id).behaviour.output ?? '');
    const header = Buffer.alloc(8);
    header[0] = 1;
    header.writeUInt32BE(text.length, 4);
    if (text.length > 0) yield Buffer.concat([header, text]);
  }

  const findImage = async (image: string): Promise<ImageInfo | undefined> =>
    images.has(image) ? { id: `sha256:${image}`, digest: `sha256:${image}`, sizeBytes: 1, user: '' } : undefined;

  return {
    calls,
    twins,
    all: () => [...held.values()].map(({ container }) => container),
    specOf: (id) => held.get(id)?.spec,
    exit,
    setLayerBytes: (id, bytes) => {
      layerBytes.set(id, bytes);
    },
    restartEngine: () => {
      for (const { container } of held.values()) exit(container.id, SIGKILL_EXIT_CODE);
      for (const { onBreak } of [...listeners]) onBreak();
    },

    readUsage: async () => undefined,
    measureLayers: async () => new Map(layerBytes),
    getInfo: async () => ({
      version: '1',
      kernelVersion: '6',
      osImage: 'fake',
      cpuCount: 2,
      memoryBytes: 2 ** 31,
      machineId: 'fake',
      mountsRecursively: false,
      cgroupDriver: 'cgroupfs',
      cgroupVersion: 1,
    }),
    listContainers: async () => [...held.values()].map(({ container }) => container),
    findContainer: async (id) => held.get(id)?.container,

    watchEvents: (onOpen, onEvent, signal) =>
      new Promise((resolve, reject) => {
        const listener = { onEvent, onBreak: () => end(new RuntimeError('Unavailable', 'the engine went away')) };
        const end = (error?: Error): void => {
          listeners.delete(listener);
          if (error === undefined) resolve();
          else reject(error);
        };
        listeners.add(listener);
        signal.addEventListener('abort', () => end(), { once: true });
        onOpen();
      }),

    findImage,
    pullImage: async (image, credential) => {
      const password = options.passwords?.[image];
      if (password !== undefined && credential?.password !== password) throw new RuntimeError('Refused', 'no basic auth credentials');
      if (!(options.registry ?? []).includes(image)) throw new RuntimeError('Refused', `pull access denied for ${image}`);
      images.add(image);
    },

    removeImage: async (image) => {
      if ([...held.values()].some(({ container }) => container.image === image)) return 'in-use';
      images.delete(image);
      return 'removed';
    },

    createSandbox: async (spec: SandboxSpec) => create(spec.identity, spec.image, undefined),
    createContainer: async (spec) => create(spec.identity, spec.image, spec),
    startContainer: async (id) => {
      const entry = get(id);
      if (entry.container.state.phase !== 'running') start(entry);
    },
    updateContainer: async (id, resources) => {
      const entry = get(id);
      call('update', entry.container.identity);
      entry.container = { ...entry.container, resources };
    },
    stopContainer: async (id, gracePeriodSeconds) => {
      const entry = held.get(id);
      if (entry?.container.state.phase !== 'running') return;
      call('stop', entry.container.identity);
      if (entry.behaviour.ignoresStop !== true) return exit(id, SIGTERM_EXIT_CODE);
      await new Promise<void>((resolve) => void clock.after(gracePeriodSeconds * 1000, resolve));
      exit(id, SIGKILL_EXIT_CODE);
    },
    removeContainer: async (id) => {
      const entry = held.get(id);
      if (entry === undefined) return;
      call('remove', entry.container.identity);
      exit(id, SIGKILL_EXIT_CODE);
      held.delete(id);
      emit(id, 'removed');
    },

    createDataVolume: async (name) => `/volumes/${name}`,
    removeDataVolume: async () => {},
    exec: (id, command, signal) => runFakeExec(get(id), command, signal),
    startCommand: async (id, command, session) => startProgram(get(id), command, session),
    attach: async (id, session) => startProgram(get(id), [], session),
    readLogs: async (id) => readOutput(id),
  };
}

function resourcesOf(spec: ContainerSpec | undefined): EngineResources {
  if (spec === undefined) return { cpuShares: 0 };
  const { cpuShares, cpuQuotaMicros, memoryBytesMax } = spec;
  return {
    cpuShares,
    ...(cpuQuotaMicros === undefined ? {} : { cpuQuotaMicros }),
    ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
  };
}
