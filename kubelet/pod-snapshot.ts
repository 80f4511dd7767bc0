/**
 * All that is known about one pod at one moment: what the API wants, what the engine has, and what the kubelet learnt by trying. The worker
 * takes it, `planPodActions` and `buildPodStatus` decide from it alone. Nothing here is ever changed; the next moment has its own snapshot.
 */
import type { Container, ContainerStatus, EphemeralContainer, Pod } from '#api/generated/types.ts';
import type { Eviction } from './eviction/eviction-manager.ts';
import type { NodePressure } from './eviction/thresholds.ts';
import type { ResizePending } from './resize/pod-resize.ts';
import type { ContainerState, ImageInfo, RuntimeContainer } from './runtime/container-runtime.ts';

/** Something did not work: why, in upstream's words, and when to try again. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  /** On the clock that never jumps, as every time that is waited for here. */
  readonly retryAtMs: number;
}

/** `unprepared` also after a restart: preparing again finds what is there and changes nothing that is right. */
export type VolumesState =
  | { readonly phase: 'unprepared' }
  | { readonly phase: 'ready' }
  | { readonly phase: 'failed'; readonly failure: Failure }
  | { readonly phase: 'removed' };

/** Of the newest sandbox. `stale`: wired into a network that the node no longer has. */
export type NetworkState = { readonly phase: 'down' } | { readonly phase: 'stale' } | { readonly phase: 'up'; readonly podIp: string };

/** Whether the image for this attempt of a container is there. Each attempt asks anew, as its pull policy may want. */
export type ImageState =
  | { readonly phase: 'present'; readonly attempt: number; readonly image: ImageInfo }
  | { readonly phase: 'failed'; readonly attempt: number; readonly failure: Failure };

/** A probe's verdict so far: `unknown` before the first one. */
export type ProbeVerdict = 'unknown' | 'success' | 'failure';

/** The probes that a container has; a probe it does not have is absent. */
export interface ProbeResults {
  readonly startup?: ProbeVerdict;
  readonly readiness?: ProbeVerdict;
  readonly liveness?: ProbeVerdict;
}

/** The wait between two restarts of one container, as upstream's `flowcontrol.Backoff` keeps it. */
export interface BackOff {
  readonly delayMs: number;
  readonly updatedAtMs: number;
}

/** How far the stopping of one container has come. */
export interface StopView {
  /** When its grace period is over, on the clock that never jumps. */
  readonly deadlineMs: number;
  /** Whether its `preStop` hook, if it has one, has ended. */
  readonly isPreStopDone: boolean;
}

export interface PodSnapshot {
  /** With the resources that the node has granted it, which may be less or more than what its spec asks for now. */
  readonly pod: Pod;
  readonly resize: {
    /** Why it has not got what it asks for. */
    readonly pending: ResizePending | undefined;
    /** What came of the last try to give containers what was granted. */
    readonly error: string | undefined;
  };
  /** The node's other pods that have not ended: of interest until this one has begun. */
  readonly neighbours: readonly Pod[];
  /** The API no longer has the pod (or has another one of its name): whatever runs of it must go, and there is nobody to tell. */
  readonly isGone: boolean;
  /** Newest attempt last. */
  readonly sandboxes: readonly RuntimeContainer[];
  readonly containers: readonly RuntimeContainer[];
  readonly network: NetworkState;
  /** Whether the node can wire pods: it has a pod CIDR. */
  readonly isNetworkReady: boolean;
  readonly volumes: VolumesState;
  /** By container name. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** By container name, and under `sandboxFailure` for the sandbox and its network. */
  readonly failures: ReadonlyMap<string, Failure>;
  readonly backOffs: ReadonlyMap<string, BackOff>;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeResults>;
  /** Termination messages by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** By container id. */
  readonly stops: ReadonlyMap<string, StopView>;
  /** By container id: its `postStart` hook is under way or has failed. Until it has succeeded nobody may think that the container runs. */
  readonly postStarts: ReadonlyMap<string, { readonly phase: 'running' | 'failed' }>;
  /** When the kubelet began to end the pod, on the clock that never jumps; undefined while it should run. */
  readonly endingSinceMs: number | undefined;
  /** Why the node puts an end to it. */
  readonly eviction: Eviction | undefined;
  /** What the node is short of. */
  readonly nodePressures: ReadonlySet<NodePressure>;
  /** Keys of the actions under way (`actionKey`). */
  readonly busy: ReadonlySet<string>;
  /** Whether the API has the status that this snapshot leads to. */
  readonly isStatusWritten: boolean;
  readonly nodeIp: string;
  readonly cpuCount: number;
  readonly nowMs: number;
  /** Now, on the clock that never jumps. */
  readonly monotonicMs: number;
  /** When containers ended, by their id, on that clock: what the engine says is the wall's. */
  readonly endedMs: ReadonlyMap<string, number>;
}

/** The keys under which `failures` holds what is wrong with the sandbox and with a resize; no container can have these names. */
export const sandboxFailure = 'POD';
export const resizeFailure = 'RESIZE';

/** The newest attempt of one container: on the engine, or as the API remembers it when the engine does not. */
export interface ContainerView {
  readonly id: string | undefined;
  readonly attempt: number;
  readonly image: string;
  readonly imageId: string;
  readonly createdAtMs: number;
  /** Undefined for one that the engine has lost. */
  readonly sandboxId: string | undefined;
  readonly state: ContainerState;
}

/** An exit code that upstream reports for a container that vanished. */
const LOST_EXIT_CODE = 137;

export function newestSandbox(snapshot: PodSnapshot): RuntimeContainer | undefined {
  return snapshot.sandboxes.at(-1);
}

/** Whether it was made for this sandbox. Of one that the engine has lost only the times can tell. */
export function isOfSandbox(
  sandbox: RuntimeContainer,
  { sandboxId, createdAtMs }: Pick<ContainerView, 'sandboxId' | 'createdAtMs'>,
): boolean {
  return sandboxId === undefined ? createdAtMs >= sandbox.createdAtMs : sandboxId === sandbox.id;
}

/** When a container ended, on the clock that never jumps. */
export function endOf({ endedMs, monotonicMs, nowMs }: PodSnapshot, { id, state }: ContainerView): number {
  const noted = endedMs.get(id ?? '');
  if (noted !== undefined || state.phase !== 'exited') return noted ?? monotonicMs;
  return monotonicMs - Math.max(0, nowMs - state.finishedAtMs);
}

/** All attempts of one container on the engine, newest last. */
export function attemptsOf(snapshot: PodSnapshot, containerName: string): readonly RuntimeContainer[] {
  return snapshot.containers.filter(({ identity }) => identity.containerName === containerName);
}

export function statusOf(pod: Pod, containerName: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(({ name }) => name === containerName);
}

/** The newest attempt of a container; undefined when it has never been made. The API may remember a newer one than the engine still has. */
export function viewContainer(snapshot: PodSnapshot, containerName: string): ContainerView | undefined {
  const newest = attemptsOf(snapshot, containerName).at(-1);
  const remembered = rememberedView(statusOf(snapshot.pod, containerName));
  if (newest === undefined || newest.identity.attempt < (remembered?.attempt ?? 0)) return remembered;
  return snapshot.postStarts.has(newest.id) && newest.state.phase === 'running' ? asCreated(newest) : viewOf(newest);
}

function asCreated(container: RuntimeContainer): ContainerView {
  return { ...viewOf(container), state: { phase: 'created' } };
}

export function viewOf(container: RuntimeContainer): ContainerView {
  return { ...container, attempt: container.identity.attempt };
}

/** A container the engine has lost, as the API remembers it: it has ended, whether or not anybody saw it end. */
function rememberedView(status: ContainerStatus | undefined): ContainerView | undefined {
  if (status?.state?.terminated === undefined && status?.state?.running === undefined) return undefined;
  const { terminated, running } = status.state;
  const startedAtMs = parseTime(terminated?.startedAt ?? running?.startedAt);
  const state: ContainerState = {
    phase: 'exited',
    exitCode: terminated?.exitCode ?? LOST_EXIT_CODE,
    reason: terminated?.reason ?? 'ContainerStatusUnknown',
    message: terminated?.message ?? (terminated === undefined ? 'The container could not be located when the pod was terminated' : ''),
    startedAtMs,
    finishedAtMs: parseTime(terminated?.finishedAt) || startedAtMs,
  };
  const id = (terminated?.containerID ?? status.containerID)?.replace(/^[a-z]+:\/\//, '');
  return {
    id,
    attempt: status.restartCount,
    image: status.image,
    imageId: status.imageID,
    createdAtMs: startedAtMs,
    sandboxId: undefined,
    state,
  };
}

/** 0 for no time. */
export function parseTime(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text) || 0;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function initContainersOf(pod: Pod): readonly Container[] {
  return pod.spec.initContainers ?? [];
}

/** What `kubectl debug` adds to a pod that is there already. They run once, and nothing waits for them. */
export function ephemeralContainersOf(pod: Pod): readonly EphemeralContainer[] {
  return pod.spec.ephemeralContainers ?? [];
}

export function isEphemeral(pod: Pod, { name }: Container): boolean {
  return ephemeralContainersOf(pod).some((container) => container.name === name);
}

/** Init containers first, as they run. */
export function allContainersOf(pod: Pod): readonly Container[] {
  return [...initContainersOf(pod), ...pod.spec.containers, ...ephemeralContainersOf(pod)];
}

/** Whether its startup probe, if it has one, has passed. */
export function isStarted(container: Container, view: ContainerView | undefined, probes: ProbeResults | undefined): boolean {
  if (view?.state.phase !== 'running') return false;
  return container.startupProbe === undefined || probes?.startup === 'success';
}
