/**
 * The CronJob controller: starts a Job at each of its times, unless an earlier one still runs and that is not wanted, and keeps as many ended Jobs as asked
 * for. A Job's name follows from its time, so a time gets one Job however often it is looked at; that it has one is read off the Jobs themselves. Woken by its
 * own changes, by its Jobs, and by the clock. Upstream: pkg/controller/cronjob.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseCronSchedule } from '#api/batch/v1/cron-schedule.ts';
import { nextTimeMs } from '#api/batch/v1/cron-times.ts';
import { cronjobs, jobs } from '#api/generated/resources.ts';
import type { CronJob, CronJobStatus, Job } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { parseTime } from '#api/meta/time.ts';
import { type Action, create, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { endOf, jobName, newJob, referenceTo, scheduledTimeMs } from './cron-job/cron-jobs-job.ts';
import { findDueTime } from './cron-job/due-time.ts';
import { CONTROLLER, isNamespaceGoing, type SharedCaches } from './shared-caches.ts';

/** CronJobs synced at once, as upstream's --concurrent-cron-job-syncs. */
const WORKERS = 5;
/** The zone of schedules that name none: that of the controller manager, which runs in UTC. */
const DEFAULT_TIME_ZONE = 'UTC';
/** Looking a little after the time makes sure that it is past. */
const AFTER_TIME_MS = 100;

const TOO_MANY_MISSED = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';

export interface CronJobSnapshot {
  readonly cronJob: CronJob;
  /** Those it controls. */
  readonly jobs: readonly Job[];
  /** The server refuses new Jobs in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  readonly nowMs: number;
}

export function cronJobController(caches: SharedCaches): ControllerDefinition<CronJobSnapshot> {
  return {
    name: 'cronjob',
    informers: [caches.cronJobs, caches.jobs, caches.namespaces],
    triggers: [onChange(caches.cronJobs), onOwnedChange(caches.jobs, 'CronJob')],
    snapshot: (key) => snapshotCronJob(key, caches),
    reconcile: reconcileCronJob,
    workers: WORKERS,
  };
}

export function snapshotCronJob(key: ObjectKey, caches: SharedCaches): CronJobSnapshot | undefined {
  const cronJob = caches.cronJobs.store.find(key);
  if (cronJob === undefined) return undefined;
  return {
    cronJob,
    jobs: caches.jobs.store.listByIndex(CONTROLLER, cronJob.metadata.uid),
    mayCreate: !isNamespaceGoing(caches, cronJob),
    nowMs: caches.clock.now(),
  };
}

export function reconcileCronJob(snapshot: CronJobSnapshot): readonly Action[] {
  const { cronJob } = snapshot;
  const stock = takeStock(snapshot);
  const isIdle = cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend === true;
  const { actions, replaced } = isIdle ? nothing : start(snapshot, stock.status);
  const status = withoutJobs(stock.status, replaced);
  return [
    ...stock.actions,
    ...(isDeepStrictEqual(cronJob.status ?? {}, status) ? [] : [updateStatus(cronjobs, { ...cronJob, status })]),
    ...replaced.map((job) => deleteJob(cronJob, job)),
    ...actions,
    ...removeHistory(snapshot),
  ];
}

/** Which of its Jobs run, when the last one was started and the last one succeeded. */
function takeStock({ cronJob, jobs: own }: CronJobSnapshot): { readonly status: CronJobStatus; readonly actions: readonly Action[] } {
  const { active: listed = [], lastScheduleTime, lastSuccessfulTime } = cronJob.status ?? {};
  const byUid = new Map(own.map((job) => [job.metadata.uid, job]));
  const actions: Action[] = [];
  const kept = listed.filter(({ uid = '', name }) => {
    const job = byUid.get(uid);
    const end = job && endOf(job);
    if (job === undefined) actions.push(event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${name}`));
    else if (end !== undefined) actions.push(event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${end}`));
    return job !== undefined && end === undefined && job.metadata.deletionTimestamp === undefined;
  });
  const known = new Set(listed.map(({ uid }) => uid));
  const unlisted = own.filter(
    (job) => !known.has(job.metadata.uid) && endOf(job) === undefined && job.metadata.deletionTimestamp === undefined,
  );
  for (const job of unlisted.filter((other) => scheduledTimeMs(cronJob, other) === undefined)) {
    const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
    actions.push(event(cronJob, 'Warning', 'UnexpectedJob', message));
  }
  const active = [...kept, ...unlisted.filter((job) => scheduledTimeMs(cronJob, job) !== undefined).map(referenceTo)];
  const scheduled = latest([lastScheduleTime, ...own.map((job) => toTime(scheduledTimeMs(cronJob, job)))]);
  const succeeded = latest([
    lastSuccessfulTime,
    ...own.filter((job) => endOf(job) === 'Complete').map(({ status }) => status?.completionTime),
  ]);
  return {
    status: {
      ...(active.length === 0 ? {} : { active }),
      ...(scheduled === undefined ? {} : { lastScheduleTime: scheduled }),
      ...(succeeded === undefined ? {} : { lastSuccessfulTime: succeeded }),
    },
    actions,
  };
}

interface Start {
  readonly actions: readonly Action[];
  /** Running Jobs that the new one takes the place of. */
  readonly replaced: readonly Job[];
}

const nothing: Start = { actions: [], replaced: [] };

/** What is due, and when to look again. */
function start(snapshot: CronJobSnapshot, status: CronJobStatus): Start {
  const { cronJob, nowMs } = snapshot;
  const { schedule: text, timeZone = DEFAULT_TIME_ZONE, startingDeadlineSeconds } = cronJob.spec;
  const parsed = parseCronSchedule(text);
  if (!parsed.isValid) return warn(cronJob, 'UnparseableSchedule', `unparseable schedule: ${JSON.stringify(text)} : ${parsed.problem}`);
  const { schedule } = parsed;
  const lastMs = parseTime(status.lastScheduleTime) ?? Date.parse(cronJob.metadata.creationTimestamp);
  // What was missed longer ago than the deadline is not made up for.
  const sinceMs = startingDeadlineSeconds === undefined ? lastMs : Math.max(lastMs, nowMs - startingDeadlineSeconds * 1_000);
  const due = findDueTime({ schedule, timeZone, sinceMs, nowMs });
  if (due.state === 'never') {
    return warn(cronJob, 'InvalidSchedule', `invalid schedule: ${text} : time difference between two schedules is less than 1 second`);
  }
  const next = nextTimeMs(schedule, due.state === 'due' ? due.timeMs : sinceMs, timeZone);
  const again: readonly Action[] = next === undefined ? [] : [{ verb: 'requeue', afterMs: next - nowMs + AFTER_TIME_MS }];
  if (due.state === 'not yet') return { ...nothing, actions: again };
  const { actions, replaced } = startJob(snapshot, due.timeMs, status);
  const isClockOdd = due.hasMissedMany && startingDeadlineSeconds === undefined;
  return {
    actions: [...(isClockOdd ? [event(cronJob, 'Warning', 'TooManyMissedTimes', TOO_MANY_MISSED)] : []), ...actions, ...again],
    replaced,
  };
}

function startJob({ cronJob, jobs: own, mayCreate }: CronJobSnapshot, timeMs: number, { active = [] }: CronJobStatus): Start {
  const { concurrencyPolicy } = cronJob.spec;
  const name = jobName(cronJob.metadata.name, timeMs);
  if (!mayCreate || own.some(({ metadata }) => metadata.name === name)) return nothing;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    return { ...nothing, actions: [event(cronJob, 'Normal', 'JobAlreadyActive', message)] };
  }
  const running = new Set(active.map(({ uid }) => uid));
  const announce = {
    regarding: cronJob,
    done: { reason: 'SuccessfulCreate', message: 'Created job {name}' },
    failed: { reason: 'FailedCreate', message: 'Error creating job: {error}' },
  };
  return {
    actions: [create(jobs, newJob(cronJob, timeMs), announce)],
    replaced: concurrencyPolicy === 'Replace' ? own.filter(({ metadata }) => running.has(metadata.uid)) : [],
  };
}

function withoutJobs(status: CronJobStatus, gone: readonly Job[]): CronJobStatus {
  const uids = new Set<string | undefined>(gone.map(({ metadata }) => metadata.uid));
  const { active = [], ...rest } = status;
  const left = active.filter(({ uid }) => !uids.has(uid));
  return left.length === 0 ? rest : { ...rest, active: left };
}

function warn(cronJob: CronJob, reason: string, message: string): Start {
  return { ...nothing, actions: [event(cronJob, 'Warning', reason, message)] };
}

/** Deletes the ended Jobs beyond the limits, those that were started first. */
function removeHistory({ cronJob, jobs: own }: CronJobSnapshot): readonly Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const surplus = (end: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    const ended = own.filter((job) => endOf(job) === end && job.metadata.deletionTimestamp === undefined).sort(startedFirst);
    return ended.slice(0, Math.max(0, ended.length - (limit ?? ended.length)));
  };
  const removed = [...surplus('Complete', successfulJobsHistoryLimit), ...surplus('Failed', failedJobsHistoryLimit)];
  return removed.map((job) => deleteJob(cronJob, job));
}

function deleteJob(cronJob: CronJob, job: Job): Action {
  return {
    verb: 'delete',
    type: jobs,
    key: keyOf(job),
    uid: job.metadata.uid,
    propagationPolicy: 'Background',
    announce: {
      regarding: cronJob,
      done: { reason: 'SuccessfulDelete', message: 'Deleted job {name}' },
      failed: { reason: 'FailedDelete', message: 'Deleted job: {error}' },
    },
  };
}

function startedFirst(left: Job, right: Job): number {
  const [one, other] = [left, right].map(({ status, metadata }) => parseTime(status?.startTime) ?? Date.parse(metadata.creationTimestamp));
  if (one !== other) return (one ?? 0) - (other ?? 0);
  return left.metadata.name < right.metadata.name ? -1 : 1;
}

function event(cronJob: CronJob, type: 'Normal' | 'Warning', reason: string, message: string): Action {
  return { verb: 'event', regarding: cronJob, type, reason, message };
}

/** Of times as the API writes them; they compare as texts. */
function latest(times: readonly (string | undefined)[]): string | undefined {
  return times
    .filter((time) => time !== undefined)
    .toSorted()
    .at(-1);
}

function toTime(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : formatTime(epochMs);
}
