/**
 * Decides what to do next for one pod. Pure: a snapshot in, actions out; the worker takes a new snapshot after every action that ends and
 * asks again, so each answer only has to be right for its moment. Three lives: a pod that should run, one that is over (its containers
 * stay for their logs, its sandbox goes), one that must go (`plan-pod-removal.ts`). An action whose key is busy is never planned twice.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import { retryTimeMs } from './back-off.ts';
import { planPodRemoval } from './plan-pod-removal.ts';
import { planStop, planStops, runningOf, type StopAction } from './plan-stops.ts';
import { isPodOver, mayRestart } from './pod-phase.ts';
import {
  allContainersOf,
  attemptsOf,
  type ContainerView,
  endOf,
  ephemeralContainersOf,
  initContainersOf,
  isOfSandbox,
  isSidecar,
  isStarted,
  newestSandbox,
  type PodSnapshot,
  resizeFailure,
  sandboxFailure,
  viewContainer,
} from './pod-snapshot.ts';
import { type ContainerResize, findResize, findResizes } from './resize/engine-resources.ts';
import type { RuntimeContainer } from './runtime/container-runtime.ts';

export type PodAction =
  | { readonly verb: 'prepare-volumes' }
  | { readonly verb: 'create-sandbox'; readonly attempt: number }
  | { readonly verb: 'start-sandbox'; readonly id: string }
  | { readonly verb: 'set-up-network'; readonly id: string }
  | { readonly verb: 'remove-sandbox'; readonly id: string; readonly isReplaced: boolean }
  | { readonly verb: 'ensure-image'; readonly container: Container; readonly attempt: number }
  | { readonly verb: 'create-container'; readonly container: Container; readonly attempt: number; readonly sandboxId: string }
  | { readonly verb: 'start-container'; readonly container: Container; readonly id: string }
  | StopAction
  /** Gives running containers what they were granted. */
  | { readonly verb: 'resize-containers'; readonly resizes: readonly ContainerResize[] }
  | { readonly verb: 'remove-container'; readonly id: string }
  | { readonly verb: 'remove-volumes' }
  | { readonly verb: 'delete-pod' }
  /** Ask again at this time of the clock that never jumps. */
  | { readonly verb: 'wake'; readonly atMs: number };

/** Two actions of one key exclude each other. */
export function actionKey(action: PodAction): string {
  switch (action.verb) {
    case 'prepare-volumes':
    case 'remove-volumes':
      return 'volumes';
    case 'resize-containers':
      return 'resize';
    case 'create-sandbox':
    case 'start-sandbox':
    case 'set-up-network':
    case 'remove-sandbox':
      return 'sandbox';
    case 'ensure-image':
      return `image/${action.container.name}`;
    case 'create-container':
    case 'start-container':
      return `container/${action.container.name}`;
    case 'begin-stop':
    case 'hasten-stop':
    case 'stop-container':
      return `${action.verb}/${action.id}`;
    case 'remove-container':
      return `remove/${action.id}`;
    case 'delete-pod':
    case 'wake':
      return action.verb;
  }
}

export function planPodActions(snapshot: PodSnapshot): readonly PodAction[] {
  const actions = planLife(snapshot);
  return actions.filter((action) => action.verb === 'wake' || !snapshot.busy.has(actionKey(action)));
}

function planLife(snapshot: PodSnapshot): readonly PodAction[] {
  if (snapshot.isGone || snapshot.pod.metadata.deletionTimestamp !== undefined) return planPodRemoval(snapshot);
  if (isPodOver(snapshot)) return planFinishedPod(snapshot);
  return planRunningPod(snapshot);
}

/** Its containers have done their work: sidecars and whatever else runs is stopped, then the sandbox and its address are given back. */
function planFinishedPod(snapshot: PodSnapshot): readonly PodAction[] {
  const running = runningOf(snapshot);
  if (running.length > 0) return planStops(snapshot, running);
  const unstarted = snapshot.containers.filter(({ state }) => state.phase === 'created');
  return [...unstarted.map(removeContainer), ...snapshot.sandboxes.map(({ id }) => removeSandbox(id, false))];
}

function planRunningPod(snapshot: PodSnapshot): readonly PodAction[] {
  const deadline = activeDeadlineMs(snapshot.pod);
  return [
    ...planVolumes(snapshot),
    ...planSandbox(snapshot),
    ...planContainers(snapshot),
    ...planResize(snapshot),
    ...planOldAttempts(snapshot),
    ...(deadline === undefined ? [] : [wake(snapshot.monotonicMs + deadline - snapshot.nowMs)]),
  ];
}

function planVolumes({ volumes, monotonicMs }: PodSnapshot): readonly PodAction[] {
  if (volumes.phase === 'ready' || volumes.phase === 'removed') return [];
  if (volumes.phase === 'failed' && volumes.failure.retryAtMs > monotonicMs) return [wake(volumes.failure.retryAtMs)];
  return [{ verb: 'prepare-volumes' }];
}

function planSandbox(snapshot: PodSnapshot): readonly PodAction[] {
  const failure = snapshot.failures.get(sandboxFailure);
  if (failure !== undefined && failure.retryAtMs > snapshot.monotonicMs) return [wake(failure.retryAtMs)];
  const older = snapshot.sandboxes.slice(0, -1).map(({ id }) => removeSandbox(id, false));
  const newest = newestSandbox(snapshot);
  if (newest === undefined) return planFirstSandbox(snapshot);
  if (isSandboxLost(snapshot, newest)) return [...older, ...planSandboxChange(snapshot, newest)];
  if (newest.state.phase === 'created') return [...older, { verb: 'start-sandbox', id: newest.id }];
  return snapshot.network.phase === 'up' ? older : [...older, { verb: 'set-up-network', id: newest.id }];
}

/** Somebody may have removed the one before from under its containers: nothing may run beside its successor. */
function planFirstSandbox(snapshot: PodSnapshot): readonly PodAction[] {
  const running = runningOf(snapshot);
  if (running.length > 0) return running.flatMap((container) => planStop(snapshot, container));
  return mayCreateSandbox(snapshot) ? [{ verb: 'create-sandbox', attempt: nextSandboxAttempt(snapshot) }] : [];
}

function mayCreateSandbox({ pod, isNetworkReady }: PodSnapshot): boolean {
  return pod.spec.hostNetwork === true || isNetworkReady;
}

/** Past every attempt whose container could still be seen by somebody. */
function nextSandboxAttempt(snapshot: PodSnapshot): number {
  return (newestSandbox(snapshot)?.identity.attempt ?? -1) + 1;
}

function isSandboxLost({ network }: PodSnapshot, sandbox: RuntimeContainer): boolean {
  return sandbox.state.phase === 'exited' || network.phase === 'stale';
}

/** What shares a lost sandbox's namespaces goes first: nothing may run beside its successor without a network. */
function planSandboxChange(snapshot: PodSnapshot, sandbox: RuntimeContainer): readonly PodAction[] {
  const running = runningOf(snapshot);
  if (running.length > 0) return running.flatMap((container) => planStop(snapshot, container));
  const unstarted = snapshot.containers.filter(({ state }) => state.phase === 'created');
  if (unstarted.length > 0) return unstarted.map(removeContainer);
  return [removeSandbox(sandbox.id, true)];
}

function planContainers(snapshot: PodSnapshot): readonly PodAction[] {
  const sandbox = newestSandbox(snapshot);
  if (sandbox !== undefined && isSandboxLost(snapshot, sandbox)) return [];
  // Somebody debugs: theirs need not wait for init containers, which may be what is wrong.
  const next = [...ephemeralContainersOf(snapshot.pod), ...nextContainers(snapshot, sandbox)];
  return [
    ...next.flatMap((container) => planContainer(snapshot, sandbox, container)),
    ...allContainersOf(snapshot.pod).flatMap((container) => planRunningContainer(snapshot, container)),
  ];
}

/** The containers that may run now: sidecars up to the first init container that has not done its work, that one, or all the others. */
function nextContainers(snapshot: PodSnapshot, sandbox: RuntimeContainer | undefined): readonly Container[] {
  const reached: Container[] = [];
  for (const container of initContainersOf(snapshot.pod)) {
    const view = viewContainer(snapshot, container.name);
    if (isSidecar(container)) {
      reached.push(container);
      const probes = snapshot.probes.get(view?.id ?? '');
      if (isStarted(container, view, probes)) continue;
      // One that started once and now restarts does not hold up the others again.
      if (hasMainContainer(snapshot)) continue;
      return reached;
    }
    if (isInitDone(snapshot, sandbox, view)) continue;
    return [...reached, container];
  }
  return [...reached, ...snapshot.pod.spec.containers];
}

function hasMainContainer(snapshot: PodSnapshot): boolean {
  return snapshot.pod.spec.containers.some(({ name }) =>
    attemptsOf(snapshot, name).some((container) => isOfPresentSandbox(snapshot, container)),
  );
}

/** Init containers run again in a new sandbox, so only what was made in this one counts. */
function isInitDone(snapshot: PodSnapshot, sandbox: RuntimeContainer | undefined, view: ContainerView | undefined): boolean {
  if (hasMainContainer(snapshot)) return true;
  if (view?.state.phase !== 'exited' || view.state.exitCode !== 0) return false;
  return sandbox !== undefined && isOfSandbox(sandbox, view);
}

function isOfPresentSandbox(snapshot: PodSnapshot, container: RuntimeContainer): boolean {
  const sandbox = newestSandbox(snapshot);
  return sandbox !== undefined && isOfSandbox(sandbox, container);
}

/** One container that should run: image, create, start; each as soon as what it needs is there. */
function planContainer(snapshot: PodSnapshot, sandbox: RuntimeContainer | undefined, container: Container): readonly PodAction[] {
  const view = viewContainer(snapshot, container.name);
  if (view?.state.phase === 'running') return [];
  if (view?.state.phase === 'created' && view.id !== undefined) return planStart(snapshot, sandbox, container, view.id);
  const failure = snapshot.failures.get(container.name);
  if (failure !== undefined && failure.retryAtMs > snapshot.monotonicMs) return [wake(failure.retryAtMs)];
  if (view?.state.phase === 'exited') {
    const needsRerun = initContainersOf(snapshot.pod).includes(container) && view.state.exitCode === 0;
    if (!needsRerun && !mayRestart(snapshot.pod, container, view.state.exitCode)) return [];
    const retryAtMs = retryTimeMs(snapshot.backOffs.get(container.name), endOf(snapshot, view));
    if (retryAtMs > snapshot.monotonicMs) return [wake(retryAtMs)];
  }
  return planCreate(snapshot, sandbox, container, view === undefined ? 0 : view.attempt + 1);
}

function planCreate(
  snapshot: PodSnapshot,
  sandbox: RuntimeContainer | undefined,
  container: Container,
  attempt: number,
): readonly PodAction[] {
  const image = snapshot.images.get(container.name);
  if (image === undefined || image.attempt !== attempt) return [{ verb: 'ensure-image', container, attempt }];
  if (image.phase === 'failed') {
    return image.failure.retryAtMs > snapshot.monotonicMs
      ? [wake(image.failure.retryAtMs)]
      : [{ verb: 'ensure-image', container, attempt }];
  }
  if (sandbox === undefined || snapshot.volumes.phase !== 'ready') return [];
  // Made while the network is still being wired; started only after it. The pod's address is in no environment then, unless it is asked for.
  if (snapshot.network.phase !== 'up' && readsPodIp(container)) return [];
  return [{ verb: 'create-container', container, attempt, sandboxId: sandbox.id }];
}

/** Whether the container's environment tells it the pod's address. */
function readsPodIp(container: Container): boolean {
  return (container.env ?? []).some(({ valueFrom }) => valueFrom?.fieldRef?.fieldPath.startsWith('status.podIP') === true);
}

function planStart(snapshot: PodSnapshot, sandbox: RuntimeContainer | undefined, container: Container, id: string): readonly PodAction[] {
  if (snapshot.postStarts.has(id) || isHeldByHook(snapshot, container)) return [];
  const made = snapshot.containers.find((candidate) => candidate.id === id);
  if (made === undefined || !isOfPresentSandbox(snapshot, made)) return [{ verb: 'remove-container', id }];
  const isReady = sandbox?.state.phase === 'running' && snapshot.network.phase === 'up';
  return isReady ? [{ verb: 'start-container', container, id }] : [];
}

/** Containers start in their order: one that comes after a container with a `postStart` hook starts when the hook has succeeded. */
function isHeldByHook(snapshot: PodSnapshot, container: Container): boolean {
  const { containers } = snapshot.pod.spec;
  const earlier = containers.slice(0, Math.max(containers.indexOf(container), 0));
  return earlier.some((other) => other.lifecycle?.postStart !== undefined && isComingUp(snapshot, other));
}

/** It has not run yet, and nothing is known to keep it from that. */
function isComingUp(snapshot: PodSnapshot, { name }: Container): boolean {
  const view = viewContainer(snapshot, name);
  const hasFailed = snapshot.failures.has(name) || snapshot.images.get(name)?.phase === 'failed';
  return !hasFailed && (view === undefined || view.state.phase === 'created');
}

/** A running container is stopped, to be restarted, when a probe says so, its hook failed or its image was changed. A stop that has begun goes on. */
function planRunningContainer(snapshot: PodSnapshot, container: Container): readonly PodAction[] {
  const running = attemptsOf(snapshot, container.name).at(-1);
  if (running?.state.phase !== 'running') return [];
  const why = reasonToRestart(container, running, snapshot);
  if (why === undefined && !snapshot.stops.has(running.id)) return [];
  return planStop(snapshot, running, { why, gracePeriodSeconds: probeGracePeriod(container, snapshot, running) });
}

function reasonToRestart(container: Container, running: RuntimeContainer, snapshot: PodSnapshot): string | undefined {
  const { probes, postStarts } = snapshot;
  const results = probes.get(running.id);
  if (postStarts.get(running.id)?.phase === 'failed') return 'FailedPostStartHook';
  if (!isOfPresentSandbox(snapshot, running)) return `Stopping container ${container.name}`;
  if (container.image !== undefined && running.image !== container.image)
    return `Container ${container.name} definition changed, will be restarted`;
  if (results?.liveness === 'failure') return `Container ${container.name} failed liveness probe, will be restarted`;
  if (results?.startup === 'failure') return `Container ${container.name} failed startup probe, will be restarted`;
  return findResize(snapshot, container)?.needsRestart === true ? `Container ${container.name} resize requires restart` : undefined;
}

/** A failing probe may bring its own grace period. */
function probeGracePeriod(container: Container, { probes }: PodSnapshot, running: RuntimeContainer): number | undefined {
  const results = probes.get(running.id);
  if (results?.liveness === 'failure') return container.livenessProbe?.terminationGracePeriodSeconds;
  if (results?.startup === 'failure') return container.startupProbe?.terminationGracePeriodSeconds;
  return undefined;
}

/** Those that must begin anew are stopped one by one (`reasonToRestart`). */
function planResize(snapshot: PodSnapshot): readonly PodAction[] {
  const resizes = findResizes(snapshot).filter(({ id, needsRestart }) => !needsRestart && !snapshot.stops.has(id));
  if (resizes.length === 0) return [];
  const retryAtMs = snapshot.failures.get(resizeFailure)?.retryAtMs ?? 0;
  return retryAtMs > snapshot.monotonicMs ? [wake(retryAtMs)] : [{ verb: 'resize-containers', resizes }];
}

/** The newest attempt and the one before it stay, for `kubectl logs --previous`. */
function planOldAttempts(snapshot: PodSnapshot): readonly PodAction[] {
  return allContainersOf(snapshot.pod).flatMap(({ name }) => attemptsOf(snapshot, name).slice(0, -2).map(removeContainer));
}

/** When the pod has been active for as long as it may, by the wall's clock as its start; undefined when it may for ever. */
function activeDeadlineMs({ spec, status }: Pod): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined) return undefined;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000;
}

export function removeContainer({ id }: RuntimeContainer): PodAction {
  return { verb: 'remove-container', id };
}

export function removeSandbox(id: string, isReplaced: boolean): PodAction {
  return { verb: 'remove-sandbox', id, isReplaced };
}

function wake(atMs: number): PodAction {
  return { verb: 'wake', atMs };
}
