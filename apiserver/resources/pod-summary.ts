/**
 * A pod in three words: how many of its containers are ready, what it is up to, how often it was restarted. People learn to read these
 * (`CrashLoopBackOff`, `Init:0/2`, `3 (5m ago)`), so they are upstream's, case by case. Pure; `pods.ts` makes table cells of it.
 */

import { isSidecar } from '#api/core/v1/container.ts';
import { isPodReady, isPodTerminal, isPodTerminating } from '#api/core/v1/pod.ts';
import type { ContainerState, ContainerStatus, Pod } from '#api/generated/types.ts';
import { findCondition, isConditionTrue } from '#api/meta/condition.ts';
import { formatAge, parseTime } from '#api/meta/time.ts';
import { NONE } from './columns.ts';

export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

/** Why the kubelet's silence made the node controller mark a pod. */
const NODE_LOST = 'NodeLost';

interface Tally {
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestartMs: number;
}

export function summarizePod(pod: Pod, nowMs: number): PodSummary {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const init = tallyInitContainers(pod, sidecars);
  const isStarting = init.reason !== undefined && !isConditionTrue(pod.status?.conditions, 'Initialized');
  const main = isStarting ? undefined : tallyContainers(pod);
  const beside = tallyRestarts((pod.status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.includes(name)));
  const restarts = main === undefined ? init.restarts : beside.restarts + main.restarts;
  const lastRestartMs = main === undefined ? init.lastRestartMs : Math.max(beside.lastRestartMs, main.lastRestartMs);
  return {
    ready: `${init.ready + (main?.ready ?? 0)}/${pod.spec.containers.length + sidecars.length}`,
    status: finalWord(pod, main?.reason ?? init.reason ?? phaseWord(pod)),
    restarts: restarts > 0 && lastRestartMs > 0 ? `${restarts} (${formatAge(nowMs - lastRestartMs)} ago)` : `${restarts}`,
  };
}

function phaseWord(pod: Pod): string {
  const gated = findCondition(pod.status?.conditions, 'PodScheduled')?.reason === 'SchedulingGated';
  return gated ? 'SchedulingGated' : pod.status?.reason || (pod.status?.phase ?? '');
}

/** Being deleted outranks whatever the containers say, unless they have finished. */
function finalWord(pod: Pod, reason: string): string {
  if (!isPodTerminating(pod)) return reason;
  if (pod.status?.reason === NODE_LOST) return 'Unknown';
  return isPodTerminal(pod) ? reason : 'Terminating';
}

/** The first init container that is not done says how far the pod is; sidecars that have started count as done. */
function tallyInitContainers(pod: Pod, sidecars: readonly string[]): Tally {
  const statuses = pod.status?.initContainerStatuses ?? [];
  const isDone = (status: ContainerStatus) =>
    status.state?.terminated?.exitCode === 0 || (sidecars.includes(status.name) && status.started === true);
  const at = statuses.findIndex((status) => !isDone(status));
  const passed = at < 0 ? statuses : statuses.slice(0, at);
  const isReadySidecar = (status: ContainerStatus) => status.state?.terminated === undefined && status.ready;
  const current = at < 0 ? undefined : statuses[at];
  const position = `${at}/${(pod.spec.initContainers ?? []).length}`;
  return {
    ...tallyRestarts(current === undefined ? passed : [...passed, current]),
    reason: current === undefined ? undefined : `Init:${initReason(current.state) ?? position}`,
    ready: passed.filter((status) => sidecars.includes(status.name) && isReadySidecar(status)).length,
  };
}

function initReason(state: ContainerState | undefined): string | undefined {
  if (state?.terminated !== undefined) return terminationWord(state.terminated);
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? waiting : undefined;
}

function terminationWord({ reason, signal, exitCode }: NonNullable<ContainerState['terminated']>): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** The first container with something to say gives the word; one that finished while others run does not. */
function tallyContainers(pod: Pod): Tally {
  const statuses = pod.status?.containerStatuses ?? [];
  const words = statuses.map(({ state }) => state?.waiting?.reason || (state?.terminated && terminationWord(state.terminated)));
  const running = statuses.filter(({ ready, state }, index) => !words[index] && ready && state?.running !== undefined);
  const word = words.find((text) => Boolean(text)) || undefined;
  const isMixed = word === 'Completed' && running.length > 0;
  const mixedWord = isPodReady(pod) ? 'Running' : 'NotReady';
  return { ...tallyRestarts(statuses), ready: running.length, reason: isMixed ? mixedWord : word };
}

function tallyRestarts(statuses: readonly ContainerStatus[]): Pick<Tally, 'restarts' | 'lastRestartMs'> & { readonly ready: number } {
  const finished = statuses.map(({ lastState }) => parseTime(lastState?.terminated?.finishedAt) ?? 0);
  return {
    restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    lastRestartMs: Math.max(0, ...finished),
    ready: 0,
  };
}

/** `1/2`: how many of the pod's own conditions of readiness hold. */
export function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter(({ conditionType }) => isConditionTrue(pod.status?.conditions, conditionType)).length}/${gates.length}`;
}
