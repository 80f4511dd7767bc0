/**
 * The Jobs of a CronJob: made from its template, each for one of its times and named after it, so that no time gets two. Pure.
 * Upstream: pkg/controller/cronjob/utils.go (getJobFromTemplate2).
 */
import { cronjobs } from '#api/generated/resources.ts';
import type { CronJob, Job, ObjectReference } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { parseTime } from '#api/meta/time.ts';

const SCHEDULED_ANNOTATION = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export function newJob(cronJob: CronJob, timeMs: number): Draft<Job> {
  const { metadata = {}, spec = { template: {} } } = cronJob.spec.jobTemplate;
  const { name, namespace } = cronJob.metadata;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(name, timeMs),
      ...(namespace === undefined ? {} : { namespace }),
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata.annotations, [SCHEDULED_ANNOTATION]: zonedTime(timeMs, cronJob.spec.timeZone) },
      ownerReferences: [controllerReference(cronJob, cronjobs)],
    },
    spec,
  };
}

/** Times are whole minutes; two within one are taken for the same. */
export function jobName(cronJobName: string, timeMs: number): string {
  return `${cronJobName}-${Math.floor(timeMs / 60_000)}`;
}

/** The time that a Job was made for; undefined for one that its CronJob did not make. */
export function scheduledTimeMs(cronJob: CronJob, { metadata }: Job): number | undefined {
  const timeMs = parseTime(metadata.annotations?.[SCHEDULED_ANNOTATION]);
  return timeMs !== undefined && metadata.name === jobName(cronJob.metadata.name, timeMs) ? timeMs : undefined;
}

/** `Complete` or `Failed`; undefined for a Job that goes on. */
export function endOf({ status }: Job): 'Complete' | 'Failed' | undefined {
  return (['Complete', 'Failed'] as const).find((type) => findCondition(status?.conditions, type)?.status === 'True');
}

export function referenceTo({ apiVersion, kind, metadata }: Job): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name, uid, resourceVersion };
}

function zonedTime(timeMs: number, timeZone: string | undefined): string {
  const time = Temporal.Instant.fromEpochMilliseconds(timeMs);
  return time.toString({ smallestUnit: 'second', ...(timeZone === undefined ? {} : { timeZone }) });
}
