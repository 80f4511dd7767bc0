/**
 * The containers of a simulated pod as time goes by: waiting, running, ended, waiting to be started again. Pure: from the statuses written last and the
 * present moment to the statuses now, and the moment of the next change. All a simulated node knows is in the statuses, so that it may be
 * stopped and started anywhere; their times, and so these steps, are in whole seconds.
 */
import type { Container, ContainerState, ContainerStatus, Pod } from '#api/generated/types.ts';
import { parseTime } from '#api/meta/time.ts';
import { formatTime } from '#component/clock.ts';
import type { PodConduct } from './pod-conduct.ts';

/** The kubelet's: a container that ends is started again at once the first time, then after 10 s, doubling up to five minutes. */
const RESTART_BACK_OFF_MS_MIN = 10_000;
const RESTART_BACK_OFF_MS_MAX = 300_000;
/** Restarts that may be caught up with in one step, when time has jumped; the next step goes on. */
const STEPS_MAX = 100;

export interface ContainersMoment {
  readonly pod: Pod;
  readonly conduct: PodConduct;
  /** When the pod was first seen on its node, epoch milliseconds. */
  readonly seenMs: number;
  readonly nowMs: number;
}

export interface ContainerProgress {
  readonly status: ContainerStatus;
  /** When the status changes next, epoch milliseconds; undefined when it does not by itself. */
  readonly nextMs: number | undefined;
}

/** The status that this container has by now. */
export function advanceContainer(container: Container, moment: ContainersMoment): ContainerProgress {
  const { pod, conduct, seenMs, nowMs } = moment;
  const previous = pod.status?.containerStatuses?.find(({ name }) => name === container.name);
  const startMs = seenMs + conduct.startAfterMs;
  if (nowMs < startMs) return { status: waiting(container, 'ContainerCreating', undefined, previous), nextMs: startMs };
  if (conduct.imageError !== undefined && previous?.state?.running === undefined) {
    const message = `Back-off pulling image "${container.image}": ErrImagePull: ${conduct.imageError}`;
    return { status: waiting(container, 'ImagePullBackOff', message, previous), nextMs: undefined };
  }
  let progress = progressOf(moment, begun(previous) ? previous : running(container, startMs, previous));
  for (let step = 0; step < STEPS_MAX && progress.nextMs !== undefined && progress.nextMs <= nowMs; step++) {
    progress = progressOf(moment, nextStatus(container, moment, progress));
  }
  return progress;
}

/** An init container has done its work as soon as it could start; one that is always restarted runs on beside the others. */
export function advanceInitContainer(container: Container, moment: ContainersMoment): ContainerStatus {
  const { pod, conduct, seenMs, nowMs } = moment;
  const previous = pod.status?.initContainerStatuses?.find(({ name }) => name === container.name);
  const startMs = seenMs + conduct.startAfterMs;
  if (nowMs < startMs) return waiting(container, 'PodInitializing', undefined, previous);
  if (begun(previous)) return previous;
  if (container.restartPolicy === 'Always') return { ...running(container, startMs, previous), ready: true, started: true };
  const at = formatTime(startMs);
  return {
    ...base(container, previous),
    ready: true,
    started: false,
    state: { terminated: { exitCode: 0, reason: 'Completed', startedAt: at, finishedAt: at } },
  };
}

/** It has run, and so its status is the beginning of what comes next. */
function begun(status: ContainerStatus | undefined): status is ContainerStatus {
  return (
    status?.state?.running !== undefined || status?.state?.terminated !== undefined || status?.state?.waiting?.reason === 'CrashLoopBackOff'
  );
}

/** When this status ends, and whether a running container is ready by now. */
function progressOf({ pod, conduct, nowMs }: ContainersMoment, status: ContainerStatus): ContainerProgress {
  const { state = {} } = status;
  const startedMs = parseTime(state.running?.startedAt);
  if (startedMs !== undefined) {
    const readyMs = conduct.readyAfterMs === undefined ? undefined : startedMs + conduct.readyAfterMs;
    const endMs = conduct.exit && startedMs + conduct.exit.afterMs;
    const isReady = readyMs !== undefined && nowMs >= readyMs;
    const nextMs = earliest(isReady ? undefined : readyMs, endMs);
    return { status: { ...status, ready: isReady, started: true }, nextMs: endMs !== undefined && endMs <= nowMs ? endMs : nextMs };
  }
  if (state.terminated && !isRestarted(pod, state.terminated.exitCode)) return { status, nextMs: undefined };
  const ended = state.terminated ?? status.lastState?.terminated;
  return { status, nextMs: (parseTime(ended?.finishedAt) ?? nowMs) + restartDelayMs(status.restartCount) };
}

/** What follows the status whose time is over. */
function nextStatus(container: Container, { conduct, pod }: ContainersMoment, { status, nextMs = 0 }: ContainerProgress): ContainerStatus {
  const { state = {} } = status;
  if (state.running === undefined) {
    const ended = state.terminated ?? status.lastState?.terminated;
    return {
      ...running(container, nextMs, status),
      restartCount: status.restartCount + 1,
      ...(ended && { lastState: { terminated: ended } }),
    };
  }
  const code = conduct.exit?.code ?? 0;
  const times = {
    ...(state.running.startedAt === undefined ? {} : { startedAt: state.running.startedAt }),
    finishedAt: formatTime(nextMs),
  };
  const terminated = { exitCode: code, reason: code === 0 ? 'Completed' : 'Error', ...times };
  if (!isRestarted(pod, code) || restartDelayMs(status.restartCount) === 0) return ended(status, { terminated });
  const delay = formatDelay(restartDelayMs(status.restartCount));
  const message = `back-off ${delay} restarting failed container=${container.name} pod=${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`;
  return { ...ended(status, { waiting: { reason: 'CrashLoopBackOff', message } }), lastState: { terminated } };
}

function ended(status: ContainerStatus, state: ContainerState): ContainerStatus {
  return { ...status, ready: false, started: false, state };
}

function isRestarted({ spec }: Pod, exitCode: number): boolean {
  return spec.restartPolicy === undefined || spec.restartPolicy === 'Always' || (spec.restartPolicy === 'OnFailure' && exitCode !== 0);
}

function restartDelayMs(restartCount: number): number {
  return restartCount === 0 ? 0 : Math.min(RESTART_BACK_OFF_MS_MIN * 2 ** Math.min(restartCount - 1, 10), RESTART_BACK_OFF_MS_MAX);
}

/** As Go prints it. */
function formatDelay(delayMs: number): string {
  const seconds = delayMs / 1_000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function base({ name, image = '' }: Container, previous: ContainerStatus | undefined) {
  return { name, image, imageID: previous?.imageID ?? '', restartCount: previous?.restartCount ?? 0 };
}

function waiting(
  container: Container,
  reason: string,
  message: string | undefined,
  previous: ContainerStatus | undefined,
): ContainerStatus {
  const state = { waiting: { reason, ...(message === undefined ? {} : { message }) } };
  return { ...base(container, previous), ready: false, started: false, state };
}

function running(container: Container, startedMs: number, previous: ContainerStatus | undefined): ContainerStatus {
  const identity = {
    imageID: `simulated://${container.image ?? ''}`,
    containerID: `simulated://${container.name}-${previous?.restartCount ?? 0}`,
  };
  return {
    ...base(container, previous),
    ...identity,
    ready: false,
    started: true,
    state: { running: { startedAt: formatTime(startedMs) } },
  };
}

function earliest(...moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
