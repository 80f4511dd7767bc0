/**
 * A Job's pods: how they are made and what they say of themselves. The tracking finalizer keeps a pod in existence until it is counted, whoever
 * deletes it; an indexed Job's pods carry their index, by which they also find each other. Upstream: pkg/controller/job.
 */
import { jobs, pods } from '#api/generated/resources.ts';
import type { Container, Job, Pod } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { parseTime } from '#api/meta/time.ts';
import type { Action } from '#client/apply-actions.ts';
import { generatedName, podFromTemplate } from '../pod-from-template.ts';

export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';
export const INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index';
/** How often an index has failed before this pod, and how often it was not held against it. */
export const FAILURES_ANNOTATION = 'batch.kubernetes.io/job-index-failure-count';
export const IGNORED_FAILURES_ANNOTATION = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';
/** What `generateName` may have before the suffix. */
const GENERATED_NAME_CHARS_MAX = 58;

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** What external controllers call this one; a Job that names another is none of ours. */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== 'kubernetes.io/job-controller';
}

export interface PodIndex {
  readonly index: number;
  readonly failures: number;
  readonly ignoredFailures: number;
}

/** `place` is an indexed Job's. */
export function newJobPod(job: Job, suffix: string, place: PodIndex | undefined): Draft<Pod> {
  const { template } = job.spec;
  const generateName = place === undefined ? `${job.metadata.name}-` : indexedName(job, place.index);
  const finalizers = new Set([...(template.metadata?.finalizers ?? []), TRACKING_FINALIZER]);
  const metadata = { ...template.metadata, finalizers: [...finalizers] };
  return podFromTemplate({
    owner: job,
    ownerType: jobs,
    template: place === undefined ? { ...template, metadata } : withIndex({ ...template, metadata }, job, place),
    name: generatedName(generateName, suffix),
    generateName,
  });
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(TRACKING_FINALIZER) === true;
}

/** Lets go of a pod that is counted, or need not be. */
export function stopTracking(pod: Pod): Action {
  const patch = { metadata: { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [TRACKING_FINALIZER] } };
  return { verb: 'patch', type: pods, key: keyOf(pod), patchType: 'strategic', patch, isIndependent: true };
}

/** Undefined for a pod that has none, or one that is no number. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX_ANNOTATION];
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** A pod on its way out counts as failed, unless pods are replaced only when they have ended. */
export function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (waitsForEnd(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}

/** Whether a terminating pod is replaced only once it has ended. */
export function waitsForEnd({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

/** When the last container ended; for lack of that, when the pod was no longer ready, or was deleted, or made. */
export function finishedAtMs({ metadata, status }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(({ state }) => parseTime(state?.terminated?.finishedAt));
  const known = ends.filter((end) => end !== undefined);
  if (known.length > 0 && known.length === ends.length) return Math.max(...known);
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const unreadySince = ready?.status === 'False' ? parseTime(ready.lastTransitionTime) : undefined;
  const deleted = parseTime(metadata.deletionTimestamp);
  const asked = deleted === undefined ? undefined : deleted - (metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
  return unreadySince ?? asked ?? Date.parse(metadata.creationTimestamp);
}

function indexedName({ metadata }: Job, index: number): string {
  const end = `-${index}-`;
  return metadata.name.slice(0, GENERATED_NAME_CHARS_MAX - end.length) + end;
}

function withIndex(template: Job['spec']['template'], job: Job, { index, failures, ignoredFailures }: PodIndex): Job['spec']['template'] {
  const { metadata, spec = { containers: [] } } = template;
  const failureCounts = {
    [FAILURES_ANNOTATION]: String(failures),
    ...(ignoredFailures === 0 ? {} : { [IGNORED_FAILURES_ANNOTATION]: String(ignoredFailures) }),
  };
  const annotations = {
    ...metadata?.annotations,
    [INDEX_ANNOTATION]: String(index),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : failureCounts),
  };
  return {
    metadata: { ...metadata, annotations, labels: { ...metadata?.labels, [INDEX_ANNOTATION]: String(index) } },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(tellIndex),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(tellIndex) }),
    },
  };
}

function tellIndex(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === INDEX_VARIABLE)) return container;
  const fieldRef = { fieldPath: `metadata.labels['${INDEX_ANNOTATION}']` };
  return { ...container, env: [...env, { name: INDEX_VARIABLE, valueFrom: { fieldRef } }] };
}
