/**
 * Which pods a Job makes and which it gives up in one step, to have as many as it may at once and never more than it still needs successes. Pure.
 * Upstream: manageJob.
 */
import type { Pod } from '#api/generated/types.ts';
import { orderForDeletion } from '../replica-set/deletion-order.ts';
import { firstMissing, unite, withIndexes } from './index-set.ts';
import { finishedAtMs, indexOf, isIndexed, type PodIndex, waitsForEnd } from './job-pods.ts';
import { allFailures, hasValidIndex, indexesOf, type JobState, placeOf } from './job-state.ts';
import { delayAfter, podDelayMs } from './pod-back-off.ts';

/** Pods made or given up in one sync, as upstream's. */
const PODS_PER_SYNC_MAX = 500;

export interface JobPlan {
  /** One entry per pod to make: its place in an indexed Job, undefined in others. */
  readonly creations: readonly (PodIndex | undefined)[];
  readonly deletions: readonly Pod[];
  /** When to look again, because pods failed lately. */
  readonly waitMs: number | undefined;
}

const nothing: JobPlan = { creations: [], deletions: [], waitMs: undefined };

export function planJob(state: JobState): JobPlan {
  const { job, active, terminating } = state;
  if (job.spec.suspend === true) return { ...nothing, deletions: active };
  const wanted = wantedActive(state);
  const deletions = surplus(state, Math.max(0, active.length - wanted)).slice(0, PODS_PER_SYNC_MAX);
  if (deletions.length > 0) return { ...nothing, deletions };
  const missing = wanted - active.length - (waitsForEnd(job) ? terminating.length : 0);
  return missing > 0 ? planCreations(state, Math.min(missing, PODS_PER_SYNC_MAX)) : nothing;
}

function wantedActive({ job, active, succeeded }: JobState): number {
  const { completions, parallelism = 1 } = job.spec;
  // Where any success will do, the first one ends the hiring; those at work may go on.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(completions - succeeded, parallelism));
}

function planCreations(state: JobState, count: number): JobPlan {
  const { job, pods, nowMs } = state;
  const hasLimitPerIndex = job.spec.backoffLimitPerIndex !== undefined;
  const waitMs = hasLimitPerIndex ? 0 : podDelayMs(job, pods, nowMs);
  if (waitMs > 0) return { ...nothing, waitMs };
  if (!isIndexed(job)) return { ...nothing, creations: Array.from({ length: count }, () => undefined) };
  const pending = pendingIndexes(state, count);
  const waits = pending.map((index) => indexDelayMs(state, index));
  const due = pending.filter((_, position) => waits[position] === 0);
  const later = waits.filter((wait) => wait > 0);
  return {
    ...nothing,
    creations: due.map((index) => placeOf(state, index)),
    waitMs: later.length === 0 ? undefined : Math.min(...later),
  };
}

function pendingIndexes({ job, active, terminating, succeededIndexes, failedIndexes }: JobState, count: number): readonly number[] {
  const taken = withIndexes(unite(succeededIndexes, failedIndexes), indexesOf(waitsForEnd(job) ? [...active, ...terminating] : active));
  return firstMissing(taken, count, job.spec.completions ?? 0);
}

/** With a limit per index each waits for its own failures. */
function indexDelayMs({ toReplace, nowMs }: JobState, index: number): number {
  const previous = toReplace.get(index);
  return previous === undefined ? 0 : delayAfter(allFailures(previous) + 1, finishedAtMs(previous), nowMs);
}

/** Pods without an index of the Job's, all but one of each index, and as many more as there are too many. */
function surplus({ job, active, nowMs }: JobState, countMin: number): readonly Pod[] {
  const ordered = orderForDeletion(active, active, nowMs);
  if (!isIndexed(job)) return ordered.slice(0, countMin);
  // Of several with the same index, the one that would be given up last stays.
  const last = new Map(ordered.filter((pod) => hasValidIndex(job, pod)).map((pod) => [indexOf(pod), pod]));
  const isNeeded = (pod: Pod) => last.get(indexOf(pod)) === pod;
  const useless = ordered.filter((pod) => !isNeeded(pod));
  return [...useless, ...ordered.filter(isNeeded).slice(0, Math.max(0, countMin - useless.length))];
}
