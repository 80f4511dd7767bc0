/**
 * What runs on this node, as the engine last said: listed once, then kept current by the engine's events, listed again when their stream
 * breaks. Nothing is polled. Whoever changes a container asks for it to be looked at again with `refresh`, so that it need not wait for the
 * event. While the engine is away the picture is old, `isConnected` says so, and nobody should act on it.
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { diffPodStates } from './diff-pod-states.ts';
import { type ContainerRuntime, isSandbox, type RuntimeContainer, type RuntimeEvent } from './runtime/container-runtime.ts';

export interface PodStates {
  isConnected(): boolean;
  /** Resolves after the first list. */
  whenListed(signal: AbortSignal): Promise<void>;
  sandboxesOf(podUid: string): readonly RuntimeContainer[];
  containersOf(podUid: string): readonly RuntimeContainer[];
  all(): readonly RuntimeContainer[];
  /** Looks at one container now. */
  refresh(containerId: string): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** How long to wait before asking an engine that went away: it takes a second or two to start. */
const RETRY_MS = 1_000;

export function createPodStates(deps: {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the pods whose containers changed. */
  readonly onChange: (podUids: ReadonlySet<string>) => void;
  /** Called before a container that has ended is shown, for what must be read while it is still there. */
  readonly onExit: (container: RuntimeContainer) => Promise<void>;
  /** Called with a container that the engine has no longer, whoever removed it. */
  readonly onGone: (container: RuntimeContainer) => void;
}): PodStates {
  const { runtime, clock, log } = deps;
  const containers = new Map<string, RuntimeContainer>();
  const listed = Promise.withResolvers<void>();
  let isConnected = false;

  async function refresh(containerId: string): Promise<void> {
    const found = await runtime.findContainer(containerId);
    const before = containers.get(containerId);
    if (found === undefined) forget(containerId);
    else await show(found);
    const changed = diffPodStates(before === undefined ? [] : [before], found === undefined ? [] : [found]);
    if (changed.size > 0) deps.onChange(changed);
  }

  async function show(container: RuntimeContainer): Promise<void> {
    if (container.state.phase === 'exited' && containers.get(container.id)?.state.phase !== 'exited') await deps.onExit(container);
    containers.set(container.id, container);
  }

  function forget(containerId: string): void {
    const gone = containers.get(containerId);
    if (containers.delete(containerId) && gone !== undefined) deps.onGone(gone);
  }

  /** An event that tells nothing new costs no call. */
  function isKnown({ containerId, what }: RuntimeEvent): boolean {
    const phase = containers.get(containerId)?.state.phase;
    switch (what) {
      case 'created':
        return phase !== undefined;
      case 'started':
        return phase === 'running';
      case 'exited':
        return phase === 'exited';
      case 'removed':
        return phase === undefined;
    }
  }

  function onEvent(event: RuntimeEvent): void {
    if (isKnown(event)) return;
    refresh(event.containerId).catch((error: unknown) => {
      log.warn({ err: error, container: event.containerId }, 'cannot look at a container');
    });
  }

  async function list(): Promise<void> {
    const before = [...containers.values()];
    const after = await runtime.listContainers();
    for (const container of after) await show(container);
    const present = new Set(after.map(({ id }) => id));
    for (const { id } of before) if (!present.has(id)) forget(id);
    const wasConnected = isConnected;
    isConnected = true;
    listed.resolve();
    // After a break every pod is looked at: an action may have failed for want of an engine.
    deps.onChange(wasConnected ? diffPodStates(before, after) : new Set([...before, ...after].map(({ identity }) => identity.podUid)));
  }

  /** Events first, then the list: what happens in between is seen twice rather than never. */
  async function followOnce(signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    const both = AbortSignal.any([signal, broken.signal]);
    const onOpen = (): void => {
      list().catch((error: unknown) => broken.abort(error));
    };
    await runtime.watchEvents(onOpen, onEvent, both);
    if (broken.signal.aborted) throw broken.signal.reason;
  }

  return {
    isConnected: () => isConnected,
    whenListed: (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        listed.promise.then(resolve, reject);
      }),
    sandboxesOf: (podUid) => ofPod(containers, podUid).filter(isSandbox),
    containersOf: (podUid) => ofPod(containers, podUid).filter((container) => !isSandbox(container)),
    all: () => [...containers.values()],
    refresh,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await followOnce(signal);
        } catch (error) {
          isConnected = false;
          log.warn({ err: error }, 'the container engine went away');
          await clock.sleep(RETRY_MS, signal).catch(() => {});
        }
      }
    },
  };
}

function ofPod(containers: ReadonlyMap<string, RuntimeContainer>, podUid: string): readonly RuntimeContainer[] {
  return [...containers.values()]
    .filter(({ identity }) => identity.podUid === podUid)
    .toSorted((left, right) => left.identity.attempt - right.identity.attempt);
}
