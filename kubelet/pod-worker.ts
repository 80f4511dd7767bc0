/**
 * Looks after one pod, from the moment the node hears of it until nothing of it is left. Woken by any change (of the pod, of its containers,
 * of a probe, by a timer), it takes a snapshot, starts the actions that the planner wants and that are not under way, and writes the status
 * when it differs. Actions run side by side; each one that ends wakes the worker again. There is one worker per pod uid.
 */
import { isDeepStrictEqual } from 'node:util';
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodStatus } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { applyPodAction, type PodActionDeps, reporterFor } from './apply-pod-action.ts';
import type { Eviction } from './eviction/eviction-manager.ts';
import type { NodePressure } from './eviction/thresholds.ts';
import { actionKey, type PodAction, planPodActions } from './plan-pod-actions.ts';
import { createPodMemory } from './pod-memory.ts';
import { isPodOver } from './pod-phase.ts';
import { allContainersOf, ephemeralContainersOf, newestSandbox, type PodSnapshot, resizeFailure, statusOf } from './pod-snapshot.ts';
import { buildPodStatus } from './pod-status.ts';
import { probeEvent } from './probes/probe-state.ts';
import type { ProbeWorkers } from './probes/probe-workers.ts';
import { judgeResize, type ResizeVerdict, resizeEvents } from './resize/pod-resize.ts';

export interface PodWorkerDeps extends PodActionDeps {
  readonly probes: ProbeWorkers;
  nodePressures(): ReadonlySet<NodePressure>;
  /** Termination messages by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
}

/** Where a pod's status goes. Both reject as the API does. */
export interface PodPublisher {
  /** The pod as it is after the write. */
  publish(pod: Pod, status: PodStatus): Promise<Pod>;
  reread(pod: Pod): Promise<Pod>;
}

export function createApiPublisher(client: Client): PodPublisher {
  return {
    publish: (pod, status) => client.resource(pods).updateStatus({ ...pod, status }),
    reread: (pod) => client.resource(pods).get(keyOf(pod)),
  };
}

export interface PodWorker {
  /** The newest version this worker knows. */
  pod(): Pod;
  /** A version from the API; an older one than it knows is ignored. */
  update(pod: Pod): void;
  /** The API no longer has it. */
  markGone(): void;
  wake(): void;
  /** Ends it for the node's sake, or for its own greed; what was told first holds. */
  evict(eviction: Eviction): void;
  /** Lets go of it, leaving its containers as they are. */
  stop(): void;
}

/** After an action or a write that failed for reasons outside the pod. */
const RETRY_MS = 1_000;

export function createPodWorker(
  first: Pod,
  options: { readonly isGone: boolean; readonly publisher: PodPublisher; readonly onEnd: () => void },
  deps: PodWorkerDeps,
): PodWorker {
  const { uid } = first.metadata;
  const memory = createPodMemory();
  const stopped = new AbortController();
  const log = deps.log.child({ pod: `${first.metadata.namespace ?? ''}/${first.metadata.name}`, uid });
  let pod = first;
  let isGone = options.isGone;
  let isAwake = false;
  let isWriting = false;
  let lastWrite: { readonly status: PodStatus; readonly resourceVersion: string } | undefined;
  let hasToldEnd = false;
  let cancelTimer = (): void => {};

  function takeSnapshot(isStatusWritten: boolean): PodSnapshot {
    const sandboxes = deps.states.sandboxesOf(uid);
    const { granted, pending } = judge();
    return {
      pod: granted,
      resize: { pending, error: memory.failures.get(resizeFailure)?.message },
      neighbours: pod.status?.startTime === undefined ? neighbours() : [],
      isGone,
      sandboxes,
      containers: deps.states.containersOf(uid),
      network: deps.network.stateOf(sandboxes.at(-1)),
      isNetworkReady: deps.network.podCidr() !== undefined,
      volumes: memory.volumes,
      images: memory.images,
      failures: memory.failures,
      backOffs: memory.backOffs,
      probes: deps.probes.results(uid),
      stops: memory.stops,
      postStarts: memory.postStarts,
      endingSinceMs: memory.endingSinceMs,
      eviction: memory.eviction,
      nodePressures: deps.nodePressures(),
      endedMs: memory.endedMs,
      terminationMessages: deps.terminationMessages,
      busy: memory.busy,
      isStatusWritten,
      nodeIp: deps.node.nodeIp,
      cpuCount: deps.node.cpuCount,
      nowMs: deps.clock.now(),
      monotonicMs: deps.clock.monotonic(),
    };
  }

  function neighbours(): readonly Pod[] {
    return deps.activePods().filter(({ metadata }) => metadata.uid !== uid);
  }

  function judge(): ResizeVerdict {
    return judgeResize(pod, neighbours, deps.node.allocatable);
  }

  function wake(): void {
    if (isAwake || stopped.signal.aborted) return;
    isAwake = true;
    // One look for a burst of reasons.
    queueMicrotask(() => {
      isAwake = false;
      if (!stopped.signal.aborted) look();
    });
  }

  function look(): void {
    if (!deps.states.isConnected()) return;
    forgetEnded();
    noteEnds();
    noteEnding();
    const snapshot = takeSnapshot(false);
    followProbes(snapshot);
    const status = buildPodStatus(snapshot);
    const isStatusWritten = isFinalTold(snapshot) || isWritten(status);
    if (!isStatusWritten && !isGone) void writeStatus(status);
    const actions = planPodActions({ ...snapshot, isStatusWritten });
    for (const action of actions) if (action.verb !== 'wake') void start(action);
    setTimer(actions.flatMap((action) => (action.verb === 'wake' ? [action.atMs] : [])));
    if (isGone && actions.length === 0 && memory.busy.size === 0 && memory.volumes.phase === 'removed') end();
  }

  /** What was noted about containers that no longer run. */
  function forgetEnded(): void {
    const running = new Set(deps.states.containersOf(uid).flatMap(({ id, state }) => (state.phase === 'exited' ? [] : [id])));
    for (const notes of [memory.stops, memory.postStarts]) for (const id of notes.keys()) if (!running.has(id)) notes.delete(id);
  }

  /** Waits are counted from here, so that a wall clock that is set cannot lengthen them. */
  function noteEnds(): void {
    const [nowMs, monotonicMs] = [deps.clock.now(), deps.clock.monotonic()];
    const containers = deps.states.containersOf(uid);
    for (const { id, state } of containers) {
      if (state.phase !== 'exited' || memory.endedMs.has(id)) continue;
      memory.endedMs.set(id, monotonicMs - Math.max(0, nowMs - state.finishedAtMs));
    }
    const present = new Set(containers.map(({ id }) => id));
    for (const id of memory.endedMs.keys()) if (!present.has(id)) memory.endedMs.delete(id);
  }

  /** From now on its grace period runs, once. */
  function noteEnding(): void {
    if (memory.endingSinceMs !== undefined) return;
    if (isGone || pod.metadata.deletionTimestamp !== undefined || isPodOver(takeSnapshot(false)))
      memory.endingSinceMs = deps.clock.monotonic();
  }

  /** How everything ended has been told: what is removed from now on is no news. */
  function isFinalTold(snapshot: PodSnapshot): boolean {
    if (pod.metadata.deletionTimestamp === undefined) return false;
    const isQuiet = snapshot.containers.every(({ state }) => state.phase !== 'running') && memory.busy.size === 0;
    hasToldEnd ||= isQuiet && isWritten(buildPodStatus(snapshot));
    return hasToldEnd;
  }

  /** Also when the server stored it in other words: what it made of our last write is its answer, not a difference. */
  function isWritten(status: PodStatus): boolean {
    if (isDeepStrictEqual(status, pod.status)) return true;
    return lastWrite?.resourceVersion === pod.metadata.resourceVersion && isDeepStrictEqual(status, lastWrite.status);
  }

  async function start(action: PodAction): Promise<void> {
    const key = actionKey(action);
    memory.busy.add(key);
    log.debug({ action: action.verb, key }, 'acting');
    try {
      await applyPodAction(action, { pod: judge().granted, memory, signal: stopped.signal, wake }, deps);
      // Once the API agreed to forget it, asking again would help nobody: what remains waits for its finalizers.
      if (action.verb !== 'delete-pod') memory.busy.delete(key);
      wake();
    } catch (error) {
      log.warn({ err: error, action: action.verb }, 'an action failed');
      deps.clock.after(RETRY_MS, () => {
        memory.busy.delete(key);
        wake();
      });
    }
  }

  /** One write at a time; what changed meanwhile is written after it. */
  async function writeStatus(status: PodStatus): Promise<void> {
    if (isWriting) return;
    isWriting = true;
    reportBackOffs(status);
    reportEnd(status);
    for (const { type, reason, message } of resizeEvents(pod, status)) deps.events.record(pod, type, reason, message);
    try {
      const written = await options.publisher.publish(pod, status);
      lastWrite = { status, resourceVersion: written.metadata.resourceVersion };
      accept(written);
    } catch (error) {
      await recoverFrom(error);
    } finally {
      isWriting = false;
      wake();
    }
  }

  async function recoverFrom(error: unknown): Promise<void> {
    try {
      if (!isReason(error, 'Conflict')) throw error;
      accept(await options.publisher.reread(pod));
    } catch (failure) {
      // Not found: the informer will say so in a moment.
      if (!isReason(failure, 'NotFound')) log.warn({ err: failure }, 'cannot write the status');
      await deps.clock.sleep(RETRY_MS, stopped.signal).catch(() => {});
    }
  }

  function accept(newer: Pod): void {
    if (newer.metadata.uid !== uid) {
      isGone = true;
      return;
    }
    if (BigInt(newer.metadata.resourceVersion) <= BigInt(pod.metadata.resourceVersion || '0')) return;
    if (hasNewFields(pod, newer) && memory.volumes.phase === 'ready') memory.volumes = { phase: 'unprepared' };
    pod = newer;
  }

  function reportBackOffs(status: PodStatus): void {
    for (const container of allContainersOf(pod)) {
      const waiting = statusOf({ ...pod, status }, container.name)?.state?.waiting?.reason;
      if (waiting !== 'CrashLoopBackOff' || statusOf(pod, container.name)?.state?.waiting?.reason === waiting) continue;
      const { name, namespace = '' } = pod.metadata;
      const message = `Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`;
      reporterFor(pod, container, deps.events)('Warning', 'BackOff', message);
    }
  }

  /** Why the kubelet itself put an end to the pod, once. */
  function reportEnd({ phase, reason, message = '' }: PodStatus): void {
    if (phase !== 'Failed' || reason === undefined || reason === pod.status?.reason || memory.eviction !== undefined) return;
    const type = reason === 'DeadlineExceeded' ? 'Normal' : 'Warning';
    deps.events.record(pod, type, reason, message.replace(/^Pod was rejected: /, ''));
  }

  function followProbes(snapshot: PodSnapshot): void {
    const { network } = snapshot;
    const containers = allContainersOf(pod).flatMap((container) => {
      const running = snapshot.containers.findLast(({ identity }) => identity.containerName === container.name);
      if (running?.state.phase !== 'running' || network.phase !== 'up' || newestSandbox(snapshot) === undefined) return [];
      if (memory.postStarts.has(running.id)) return [];
      return [{ container, containerId: running.id, podIp: network.podIp, startedAtMs: running.state.startedAtMs }];
    });
    deps.probes.follow(uid, containers, memory.endingSinceMs !== undefined, {
      onVerdict: wake,
      onOutcome: (container, kind, outcome) => {
        const event = isGone ? undefined : probeEvent(kind, outcome);
        if (event !== undefined) reporterFor(pod, container, deps.events)('Warning', event.reason, event.message);
      },
    });
  }

  function setTimer(timesMs: readonly number[]): void {
    cancelTimer();
    if (timesMs.length === 0) return;
    cancelTimer = deps.clock.after(Math.max(0, Math.min(...timesMs) - deps.clock.monotonic()), wake);
  }

  function stop(): void {
    stopped.abort(new Error('the pod worker has stopped'));
    cancelTimer();
    memory.cancelTokenRefresh();
    deps.probes.forget(uid);
  }

  function end(): void {
    stop();
    log.info('nothing of the pod is left');
    options.onEnd();
  }

  return {
    pod: () => pod,
    update: (newer) => {
      accept(newer);
      wake();
    },
    markGone: () => {
      isGone = true;
      // Whoever waited for the API to forget it need wait no longer.
      memory.busy.delete('delete-pod');
      wake();
    },
    wake,
    evict: (eviction) => {
      if (memory.eviction !== undefined || isGone) return;
      memory.eviction = eviction;
      deps.events.record(pod, 'Warning', 'Evicted', eviction.message);
      wake();
    },
    stop,
  };
}

/** Files of the downward API show labels and annotations as they are now; a container that was added may refer to what is not followed yet. */
function hasNewFields(before: Pod, after: Pod): boolean {
  if (ephemeralContainersOf(before).length !== ephemeralContainersOf(after).length) return true;
  const isShown = (after.spec.volumes ?? []).some(
    ({ downwardAPI, projected }) => downwardAPI !== undefined || projected?.sources?.some((source) => source.downwardAPI !== undefined),
  );
  if (!isShown) return false;
  const { labels, annotations } = before.metadata;
  return !isDeepStrictEqual([labels, annotations], [after.metadata.labels, after.metadata.annotations]);
}
