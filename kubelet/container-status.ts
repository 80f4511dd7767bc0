/**
 * The status of one container within its pod: what it is doing now, how its last run ended, how often it was restarted. Pure. A container
 * that is not there yet waits with the reason upstream gives; one that crashed and will be restarted waits in `CrashLoopBackOff`.
 */
import type { ContainerState as ApiContainerState, Container, ContainerStateTerminated, ContainerStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { beganAtOnce, formatDelay, retryTimeMs } from './back-off.ts';
import { isPodOver, mayRestart } from './pod-phase.ts';
import {
  allContainersOf,
  attemptsOf,
  type ContainerView,
  endOf,
  initContainersOf,
  isEphemeral,
  isSidecar,
  isStarted,
  type PodSnapshot,
  type ProbeResults,
  statusOf,
  viewContainer,
  viewOf,
} from './pod-snapshot.ts';
import { findResize } from './resize/engine-resources.ts';
import type { ContainerState } from './runtime/container-runtime.ts';

/** All of a pod's termination messages together: an object of the API must stay small. */
const POD_MESSAGE_CHARS_MAX = 12 * 1024;

export function buildContainerStatus(snapshot: PodSnapshot, container: Container): ContainerStatus {
  const { pod, probes } = snapshot;
  const view = visibleAttempt(snapshot, container);
  const previous = statusOf(pod, container.name);
  const results = probes.get(view?.id ?? '');
  const state = currentState(snapshot, container, view);
  const isRunning = state.running !== undefined;
  const started = isStarted(container, view, results);
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: imageIdOf(snapshot, container, view) ?? previous?.imageID ?? '',
    ...containerIdOf(view, previous),
    restartCount: view?.attempt ?? previous?.restartCount ?? 0,
    ready: !isEphemeral(pod, container) && isContainerReady(container, state, started, results, initContainersOf(pod).includes(container)),
    ...(isEphemeral(pod, container) ? {} : { started: isRunning && started }),
    ...resourcesOf(snapshot, container, previous),
    state,
    lastState: lastStateOf(snapshot, container, view, state),
  };
}

/** What was granted, and what the container has: the same but while it is being resized. */
function resourcesOf(snapshot: PodSnapshot, container: Container, previous: ContainerStatus | undefined) {
  const granted = container.resources ?? {};
  const isResizing = findResize(snapshot, container) !== undefined;
  return {
    ...(granted.requests === undefined ? {} : { allocatedResources: granted.requests }),
    resources: isResizing ? (previous?.resources ?? granted) : granted,
  };
}

/** A restart shows once it runs: until then the attempt before it is what there is to see. */
function visibleAttempt(snapshot: PodSnapshot, container: Container): ContainerView | undefined {
  const view = viewContainer(snapshot, container.name);
  const before = attemptsOf(snapshot, container.name).at(-2);
  return view?.state.phase === 'created' && before !== undefined ? viewOf(before) : view;
}

/** An init container is ready once it has done its work, all others while they run and their probe agrees. */
function isContainerReady(
  container: Container,
  state: ApiContainerState,
  started: boolean,
  probes: ProbeResults | undefined,
  isInit: boolean,
): boolean {
  if (isInit && !isSidecar(container)) return state.terminated?.exitCode === 0;
  if (state.running === undefined || !started) return false;
  return container.readinessProbe === undefined || probes?.readiness === 'success';
}

function currentState(snapshot: PodSnapshot, container: Container, view: ContainerView | undefined): ApiContainerState {
  if (view?.state.phase === 'running') return { running: { startedAt: formatTime(view.state.startedAtMs) } };
  const failure = findFailure(snapshot, container, view);
  if (view?.state.phase === 'exited') {
    if (!willRestart(snapshot, container, view.state.exitCode)) return { terminated: terminatedState(snapshot, view) };
    const crashLoop = waitsForBackOff(snapshot, container, view);
    if (failure !== undefined && !(failure.reason === 'PostStartHookError' && crashLoop !== undefined)) return { waiting: failure };
    return crashLoop ?? { terminated: terminatedState(snapshot, view) };
  }
  if (failure !== undefined) return { waiting: failure };
  return { waiting: { reason: initContainersOf(snapshot.pod).length > 0 ? 'PodInitializing' : 'ContainerCreating' } };
}

function willRestart(snapshot: PodSnapshot, container: Container, exitCode: number): boolean {
  if (snapshot.isGone || snapshot.pod.metadata.deletionTimestamp !== undefined || isPodOver(snapshot)) return false;
  const isDoneInit = initContainersOf(snapshot.pod).includes(container) && !isSidecar(container) && exitCode === 0;
  return !isDoneInit && mayRestart(snapshot.pod, container, exitCode);
}

function waitsForBackOff(snapshot: PodSnapshot, container: Container, view: ContainerView): ApiContainerState | undefined {
  const backOff = snapshot.backOffs.get(container.name);
  if (backOff === undefined || view.state.phase !== 'exited') return undefined;
  const endedMs = endOf(snapshot, view);
  if (beganAtOnce(backOff, endedMs)) return undefined;
  // Also in the moment between the end of the wait and the restart. A back-off that is forgotten asks for no wait.
  if (retryTimeMs(backOff, endedMs) <= endedMs) return undefined;
  return { waiting: { reason: 'CrashLoopBackOff', message: crashLoopMessage(snapshot, container, backOff.delayMs) } };
}

function crashLoopMessage({ pod }: PodSnapshot, container: Container, delayMs: number): string {
  const { name, namespace = '', uid } = pod.metadata;
  return `back-off ${formatDelay(delayMs)} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`;
}

/** Why the next attempt cannot begin; undefined while nothing is wrong. */
function findFailure(snapshot: PodSnapshot, container: Container, view: ContainerView | undefined) {
  const image = snapshot.images.get(container.name);
  const nextAttempt = view === undefined ? 0 : view.attempt + 1;
  if (image?.phase === 'failed' && image.attempt === nextAttempt) return waiting(image.failure);
  const failure = snapshot.failures.get(container.name);
  return failure === undefined ? undefined : waiting(failure);
}

function waiting({ reason, message }: { readonly reason: string; readonly message: string }) {
  return { reason, ...(message === '' ? {} : { message }) };
}

function terminatedState(snapshot: PodSnapshot, view: ContainerView): ContainerStateTerminated {
  const { state } = view;
  if (state.phase !== 'exited') return { exitCode: 0 };
  return toTerminated(snapshot, state, view.id);
}

function toTerminated(
  { pod, terminationMessages }: PodSnapshot,
  state: Extract<ContainerState, { phase: 'exited' }>,
  id: string | undefined,
): ContainerStateTerminated {
  const messageCharsMax = Math.floor(POD_MESSAGE_CHARS_MAX / allContainersOf(pod).length);
  const terminationMessage = terminationMessages.get(id ?? '');
  const message = [state.message, terminationMessage].filter(Boolean).join(': ').slice(0, messageCharsMax);
  return {
    exitCode: state.exitCode,
    reason: state.reason,
    ...(message === '' ? {} : { message }),
    startedAt: formatTime(state.startedAtMs),
    finishedAt: formatTime(state.finishedAtMs),
    ...(id === undefined ? {} : { containerID: containerIdText(id) }),
  };
}

/** How the run before the present state ended: the present attempt's end while it waits to be restarted, else the attempt before it. */
function lastStateOf(
  snapshot: PodSnapshot,
  container: Container,
  view: ContainerView | undefined,
  state: ApiContainerState,
): ApiContainerState {
  if (view?.state.phase === 'exited' && state.waiting !== undefined) return { terminated: terminatedState(snapshot, view) };
  const before = attemptsOf(snapshot, container.name).findLast(({ identity }) => identity.attempt < (view?.attempt ?? 0));
  if (before?.state.phase === 'exited') {
    return { terminated: toTerminated(snapshot, before.state, before.id) };
  }
  const previous = statusOf(snapshot.pod, container.name);
  if (view !== undefined && previous !== undefined && view.attempt > previous.restartCount)
    return previous.state?.terminated ? { terminated: previous.state.terminated } : (previous.lastState ?? {});
  return previous?.lastState ?? {};
}

function containerIdOf(view: ContainerView | undefined, previous: ContainerStatus | undefined): { readonly containerID?: string } {
  if (view?.id !== undefined && view.state.phase !== 'created') return { containerID: containerIdText(view.id) };
  return previous?.containerID === undefined ? {} : { containerID: previous.containerID };
}

function containerIdText(id: string): string {
  return `docker://${id}`;
}

function imageIdOf(snapshot: PodSnapshot, container: Container, view: ContainerView | undefined): string | undefined {
  const image = snapshot.images.get(container.name);
  // A container that has not run yet is not worth a write of its own.
  if (view === undefined || view.state.phase === 'created') return undefined;
  return image?.phase === 'present' && image.image.id === view.imageId ? image.image.digest : view.imageId;
}
