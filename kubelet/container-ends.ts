/**
 * What is done around a container's life besides starting it: its hooks, and its stopping in steps (`plan-stops.ts` decides which comes next). How far that has come
 * is in the pod's memory; a kubelet that restarts begins a stop anew, hook included, as upstream does.
 */
import type { LifecycleHandler, Pod } from '#api/generated/types.ts';
import { factsOf, type PodActionDeps, type PodContext, reporterFor } from './apply-pod-action.ts';
import { runHook } from './lifecycle-hooks.ts';
import type { PodAction } from './plan-pod-actions.ts';
import type { PodMemory, StopProgress } from './pod-memory.ts';
import { allContainersOf } from './pod-snapshot.ts';

type Action<Verb extends PodAction['verb']> = Extract<PodAction, { verb: Verb }>;

/** The signal must still have a chance after a hook that used up the grace period. */
const SIGNAL_SECONDS_MIN = 2;

/** From before the start, so that nobody sees the container run before its hook has. */
export function expectPostStart(id: string, memory: PodMemory): void {
  memory.postStarts.set(id, { phase: 'running', abort: new AbortController() });
}

/** As long as it takes: the end of the container ends it. A failure is left in the memory, for the planner to stop the container. */
export async function runPostStart(
  hook: LifecycleHandler,
  { container, id }: Action<'start-container'>,
  { pod, memory }: Pick<PodContext, 'pod' | 'memory'>,
  deps: PodActionDeps,
): Promise<void> {
  const postStart = memory.postStarts.get(id);
  // It has ended already.
  if (postStart === undefined) return;
  const report = reporterFor(pod, container, deps.events);
  const target = { pod, container, containerId: id, podIp: factsOf(pod, deps).podIp, report: warnOf(pod, deps) };
  const outcome = await runHook(hook, target, postStart.abort.signal, deps);
  if (outcome.isSuccess) return void memory.postStarts.delete(id);
  report('Warning', 'FailedPostStartHook', 'PostStartHook failed');
  memory.failures.set(container.name, { reason: 'PostStartHookError', message: outcome.message, retryAtMs: 0 });
  postStart.phase = 'failed';
}

export async function beginStop(
  { containerName, id, deadlineMs, hasGrace, why }: Action<'begin-stop'>,
  { pod, memory }: PodContext,
  deps: PodActionDeps,
): Promise<void> {
  const container = allContainersOf(pod).find(({ name }) => name === containerName);
  const preStop = hasGrace ? container?.lifecycle?.preStop : undefined;
  const cut = new AbortController();
  const cutPreStop = () => cut.abort(new Error('the grace period is over'));
  const progress: StopProgress = { deadlineMs, isPreStopDone: preStop === undefined, isSignalled: false, cutPreStop };
  memory.stops.set(id, progress);
  if (container === undefined) return;
  const report = reporterFor(pod, container, deps.events);
  report('Normal', 'Killing', why);
  if (preStop === undefined) return;
  const cancel = deps.clock.after(Math.max(0, deadlineMs - deps.clock.monotonic()), cutPreStop);
  const target = { pod, container, containerId: id, podIp: factsOf(pod, deps).podIp, report: warnOf(pod, deps) };
  const outcome = await runHook(preStop, target, cut.signal, deps);
  cancel();
  // What the hook wrote may hold secrets. One that was cut off has not failed.
  if (!outcome.isSuccess && !cut.signal.aborted) report('Warning', 'FailedPreStopHook', 'PreStopHook failed');
  progress.isPreStopDone = true;
}

/** A hook that runs has until the new deadline; a signal that was sent is followed by SIGKILL then. */
export async function hastenStop({ id, deadlineMs }: Action<'hasten-stop'>, { memory }: PodContext, deps: PodActionDeps): Promise<void> {
  const progress = memory.stops.get(id);
  if (progress === undefined) return;
  progress.deadlineMs = deadlineMs;
  if (progress.isSignalled) return signalContainer(id, progress, deps);
  deps.clock.after(Math.max(0, deadlineMs - deps.clock.monotonic()), progress.cutPreStop);
}

export async function stopContainer({ id }: Action<'stop-container'>, { memory }: PodContext, deps: PodActionDeps): Promise<void> {
  const progress = memory.stops.get(id);
  if (progress === undefined) return;
  memory.postStarts.get(id)?.abort.abort(new Error('the container is being stopped'));
  progress.isSignalled = true;
  await signalContainer(id, progress, deps);
  await deps.states.refresh(id);
}

async function signalContainer(id: string, { deadlineMs }: StopProgress, { runtime, clock }: PodActionDeps): Promise<void> {
  const leftSeconds = Math.ceil((deadlineMs - clock.monotonic()) / 1000);
  await runtime.stopContainer(id, Math.max(leftSeconds, SIGNAL_SECONDS_MIN));
}

function warnOf(pod: Pod, { events }: PodActionDeps) {
  return (reason: string, message: string): void => events.record(pod, 'Warning', reason, message);
}
