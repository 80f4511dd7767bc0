/**
 * Which of a target's pods a metric can be believed of, and what they ask for: pods that are starting have no steady usage yet, pods that are going no longer
 * count, and some have no figure at all. Pure; all amounts are thousandths. Upstream: pkg/controller/podautoscaler/replica_calculator.go.
 */
import { isSidecar } from '#api/core/v1/container.ts';
import type { Container, Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { parseQuantity, quantityToMilli } from '#api/meta/quantity.ts';
import { parseTime } from '#api/meta/time.ts';

/** While a pod is this young its processor time says little. As upstream's --horizontal-pod-autoscaler-cpu-initialization-period. */
const CPU_INITIALIZATION_MS = 300_000;
/** A pod that turned unready so soon after its start was never ready. As upstream's --horizontal-pod-autoscaler-initial-readiness-delay. */
const INITIAL_READINESS_MS = 30_000;

/** What a metrics API says of one pod. */
export interface PodReading {
  readonly milli: number;
  /** When it was measured. */
  readonly atMs: number;
  /** Over how long. */
  readonly windowMs: number;
}

export type PodReadings = ReadonlyMap<string, PodReading>;
/** By the pod's name, thousandths. */
export type PodAmounts = ReadonlyMap<string, number>;

export interface PodGroups {
  readonly readyCount: number;
  /** Figures of pods that have run for long enough. */
  readonly usage: PodAmounts;
  readonly unready: readonly string[];
  /** Running, and without a figure. */
  readonly missing: readonly string[];
}

/** `resource` is what the figures measure: only processor time is different while a pod starts. */
export function groupPods(pods: readonly Pod[], readings: PodReadings, resource: string | undefined, nowMs: number): PodGroups {
  const usage = new Map([...readings].map(([name, { milli }]) => [name, milli]));
  const unready: string[] = [];
  const missing: string[] = [];
  let readyCount = 0;
  for (const pod of pods) {
    const { name } = pod.metadata;
    const reading = readings.get(name);
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') usage.delete(name);
    else if (pod.status?.phase === 'Pending') unready.push(name);
    else if (reading === undefined) missing.push(name);
    else if (resource === 'cpu' && isStarting(pod, reading, nowMs)) unready.push(name);
    else readyCount++;
  }
  for (const name of unready) usage.delete(name);
  return { readyCount, usage, unready, missing };
}

function isStarting({ status }: Pod, reading: PodReading, nowMs: number): boolean {
  const ready = findCondition(status?.conditions, 'Ready');
  const startedAtMs = parseTime(status?.startTime);
  if (ready === undefined || startedAtMs === undefined) return true;
  const changedAtMs = parseTime(ready.lastTransitionTime) ?? 0;
  if (startedAtMs + CPU_INITIALIZATION_MS > nowMs) {
    return ready.status === 'False' || reading.atMs < changedAtMs + reading.windowMs;
  }
  return ready.status === 'False' && startedAtMs + INITIAL_READINESS_MS > changedAtMs;
}

export interface RequestsQuery {
  readonly resource: string;
  /** Of this container alone. */
  readonly container?: string;
}

/** Text says which pod or container asks for none, so that no share of it can be told. */
export function podRequestsOf(pods: readonly Pod[], query: RequestsQuery): PodAmounts | string {
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const request = requestOf(pod, query);
    if (typeof request === 'string') return request;
    requests.set(pod.metadata.name, request);
  }
  return requests;
}

function requestOf({ metadata, spec }: Pod, { resource, container }: RequestsQuery): number | string {
  const whole = container === undefined ? spec.resources?.requests?.[resource] : undefined;
  if (whole !== undefined) return milli(whole);
  const running: readonly Container[] = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  let sum = 0;
  for (const { name, resources } of running) {
    if (container !== undefined && container !== name) continue;
    const request = resources?.requests?.[resource];
    if (request === undefined) return `missing request for ${resource} in container ${name} of Pod ${metadata.name}`;
    sum += milli(request);
  }
  return sum;
}

function milli(text: string): number {
  return quantityToMilli(parseQuantity(text));
}
