/**
 * Whether a container is restarted, whether a pod has come to its end, and which phase that makes. Pure; the planner and the status agree
 * because both ask here. Source: the kubelet's `getPhase` and `ShouldContainerBeRestarted`.
 */
import type { Container, ContainerRestartRule, Pod } from '#api/generated/types.ts';
import { findRejection } from './pod-admission.ts';
import {
  type ContainerView,
  initContainersOf,
  isEphemeral,
  isOfSandbox,
  isSidecar,
  isStarted,
  newestSandbox,
  type PodSnapshot,
  parseTime,
  viewContainer,
} from './pod-snapshot.ts';

export interface PodEnd {
  readonly phase: 'Succeeded' | 'Failed';
  /** The node never took it: nothing was made for it. */
  readonly isRejection?: boolean;
  readonly reason?: string;
  readonly message?: string;
}

/** Whether a container that ended with this code runs again in this pod: never in one that is being deleted. */
export function mayRestart(pod: Pod, container: Container, exitCode: number): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || isEphemeral(pod, container)) return false;
  if (container.restartPolicyRules?.some((rule) => rule.action === 'Restart' && matchesExitCode(rule, exitCode)) === true) return true;
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function matchesExitCode({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (exitCodes === undefined) return false;
  const isListed = exitCodes.values?.includes(exitCode) === true;
  return exitCodes.operator === 'In' ? isListed : exitCodes.operator === 'NotIn' && !isListed;
}

/** How the pod ended; undefined while it has work to do. A pod that the API knows as ended never runs again. */
export function findPodEnd(snapshot: PodSnapshot): PodEnd | undefined {
  const { phase } = snapshot.pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return { phase, isRejection: hasNeverBegun(snapshot) };
  const rejection = findRejection(snapshot);
  if (rejection !== undefined) {
    return { phase: 'Failed', isRejection: true, reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
  }
  if (snapshot.eviction !== undefined) return { phase: 'Failed', reason: 'Evicted', message: snapshot.eviction.message };
  if (isPastDeadline(snapshot)) {
    return { phase: 'Failed', reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
  }
  if (hasFailedInit(snapshot)) return { phase: 'Failed' };
  const exitCodes = snapshot.pod.spec.containers.map((container) => finalExitCode(snapshot, container));
  if (exitCodes.includes(undefined) || exitCodes.length === 0) return undefined;
  return { phase: exitCodes.every((code) => code === 0) ? 'Succeeded' : 'Failed' };
}

function hasNeverBegun({ pod, sandboxes, containers }: PodSnapshot): boolean {
  return pod.status?.containerStatuses === undefined && sandboxes.length === 0 && containers.length === 0;
}

export function isPodOver(snapshot: PodSnapshot): boolean {
  return findPodEnd(snapshot) !== undefined;
}

function isPastDeadline({ pod, nowMs }: PodSnapshot): boolean {
  const { activeDeadlineSeconds } = pod.spec;
  if (activeDeadlineSeconds === undefined || pod.status?.startTime === undefined) return false;
  return nowMs >= parseTime(pod.status.startTime) + activeDeadlineSeconds * 1000;
}

/** The exit code of a container that has ended for good. */
function finalExitCode(snapshot: PodSnapshot, container: Container): number | undefined {
  const state = viewContainer(snapshot, container.name)?.state;
  if (state?.phase !== 'exited' || mayRestart(snapshot.pod, container, state.exitCode)) return undefined;
  return state.exitCode;
}

function hasFailedInit(snapshot: PodSnapshot): boolean {
  return initContainersOf(snapshot.pod).some((container) => {
    const exitCode = finalExitCode(snapshot, container);
    return exitCode !== undefined && exitCode !== 0;
  });
}

/** Whether every init container has done its work (a sidecar: has started) in the present sandbox. */
export function isInitialized(snapshot: PodSnapshot): boolean {
  const mains = snapshot.pod.spec.containers.map(({ name }) => viewContainer(snapshot, name));
  if (mains.some((view) => view !== undefined && isOfPresentSandbox(snapshot, view))) return true;
  return initContainersOf(snapshot.pod).every((container) => {
    const view = viewContainer(snapshot, container.name);
    if (isSidecar(container)) return isStarted(container, view, snapshot.probes.get(view?.id ?? ''));
    return view?.state.phase === 'exited' && view.state.exitCode === 0 && isOfPresentSandbox(snapshot, view);
  });
}

function isOfPresentSandbox(snapshot: PodSnapshot, view: ContainerView): boolean {
  const sandbox = newestSandbox(snapshot);
  // A pod that is over has no sandbox any more.
  return sandbox === undefined || isOfSandbox(sandbox, view);
}

/** `Running` once any container has run and the init containers are done. */
export function phaseOf(snapshot: PodSnapshot): string {
  const end = findPodEnd(snapshot);
  if (end !== undefined && !hasRunning(snapshot)) return end.phase;
  if (!isInitialized(snapshot)) return 'Pending';
  const views = snapshot.pod.spec.containers.map(({ name }) => viewContainer(snapshot, name));
  // Upstream: a container that waits for the first time keeps the pod pending.
  const isWaiting = views.some((view) => view === undefined || (view.state.phase === 'created' && view.attempt === 0));
  return isWaiting ? 'Pending' : 'Running';
}

/** An end is only told once nothing of the pod runs, as whoever waits for it may take over its work. */
function hasRunning({ containers }: PodSnapshot): boolean {
  return containers.some(({ state }) => state.phase === 'running');
}
