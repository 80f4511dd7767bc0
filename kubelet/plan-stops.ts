/**
 * Decides how running containers are stopped: each is told of, its `preStop` hook runs, then it gets its signal and, when its grace period is over, SIGKILL. Pure.
 * Of a pod that ends, all hooks run at once, but sidecars get their signal after the others, the one started last first. The grace period is counted once, from
 * when the pod began to end: a sidecar has what is left of it. Source: upstream's kuberuntime_container.go and kuberuntime_termination_order.go.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import { initContainersOf, isSidecar, type PodSnapshot } from './pod-snapshot.ts';
import type { RuntimeContainer } from './runtime/container-runtime.ts';

export type StopAction =
  /** Tells of it and runs the hook, which must end by the deadline. */
  | {
      readonly verb: 'begin-stop';
      readonly containerName: string;
      readonly id: string;
      /** On the clock that never jumps. */
      readonly deadlineMs: number;
      readonly hasGrace: boolean;
      readonly why: string;
    }
  /** The grace period has been shortened. */
  | { readonly verb: 'hasten-stop'; readonly id: string; readonly deadlineMs: number }
  | { readonly verb: 'stop-container'; readonly id: string; readonly deadlineMs: number }
  | { readonly verb: 'wake'; readonly atMs: number };

export interface StopReason {
  /** Absent: the pod ends. */
  readonly why: string | undefined;
  /** Absent: the pod's. */
  readonly gracePeriodSeconds: number | undefined;
}

const DEFAULT_GRACE_PERIOD_SECONDS = 30;
/** A deadline that is this much nearer is another one. */
const HASTE_MS_MIN = 500;

export function gracePeriodOf(pod: Pod): number {
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_PERIOD_SECONDS;
  // A second for the signal to be delivered, also when the pod is deleted at once.
  return Math.max(seconds, 1);
}

export function runningOf({ containers }: PodSnapshot): readonly RuntimeContainer[] {
  return containers.filter(({ state }) => state.phase === 'running');
}

/** The next step for one container, by itself. */
export function planStop(snapshot: PodSnapshot, container: RuntimeContainer, reason?: StopReason): readonly StopAction[] {
  const graceMs = (reason?.gracePeriodSeconds ?? gracePeriodOf(snapshot.pod)) * 1000;
  const deadlineMs = snapshot.stops.get(container.id)?.deadlineMs ?? snapshot.monotonicMs + graceMs;
  return nextStep(snapshot, container, { deadlineMs, why: reason?.why, isItsTurn: true });
}

/** The next steps for all of a pod that ends. */
export function planStops(snapshot: PodSnapshot, running: readonly RuntimeContainer[]): readonly StopAction[] {
  const { pod, monotonicMs, endingSinceMs = monotonicMs } = snapshot;
  const deadlineMs = endingSinceMs + (snapshot.eviction?.gracePeriodSeconds ?? gracePeriodOf(pod)) * 1000;
  // Whoever still waits for its turn when the time is up has it now.
  const isOver = monotonicMs >= deadlineMs;
  const turn = isOver ? running : firstToStop(pod, running);
  const steps = running.flatMap((container) =>
    nextStep(snapshot, container, { deadlineMs, why: undefined, isItsTurn: turn.includes(container) }),
  );
  return turn.length === running.length ? steps : [...steps, { verb: 'wake', atMs: deadlineMs }];
}

interface Stop {
  readonly deadlineMs: number;
  readonly why: string | undefined;
  readonly isItsTurn: boolean;
}

function nextStep(snapshot: PodSnapshot, container: RuntimeContainer, { deadlineMs, why, isItsTurn }: Stop): readonly StopAction[] {
  const { id, identity } = container;
  const progress = snapshot.stops.get(id);
  if (progress === undefined) {
    const containerName = identity.containerName ?? '';
    const hasGrace = snapshot.pod.metadata.deletionGracePeriodSeconds !== 0;
    return [{ verb: 'begin-stop', containerName, id, deadlineMs, hasGrace, why: why ?? `Stopping container ${containerName}` }];
  }
  if (deadlineMs < progress.deadlineMs - HASTE_MS_MIN) return [{ verb: 'hasten-stop', id, deadlineMs }];
  return progress.isPreStopDone && isItsTurn ? [{ verb: 'stop-container', id, deadlineMs: progress.deadlineMs }] : [];
}

/** Sidecars serve the others, so they stop last, the last one started first. */
function firstToStop(pod: Pod, running: readonly RuntimeContainer[]): readonly RuntimeContainer[] {
  const sidecars = initContainersOf(pod)
    .filter((container: Container) => isSidecar(container))
    .map(({ name }) => name);
  const others = running.filter(({ identity }) => !sidecars.includes(identity.containerName ?? ''));
  if (others.length > 0) return others;
  const inOrder = running.toSorted((left, right) => sidecars.indexOf(nameOf(left)) - sidecars.indexOf(nameOf(right)));
  return inOrder.slice(-1);
}

function nameOf(container: RuntimeContainer): string {
  return container.identity.containerName ?? '';
}
