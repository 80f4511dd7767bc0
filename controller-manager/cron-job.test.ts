import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronjobs } from '#api/generated/resources.ts';
import type { CronJob, Job, ObjectMeta } from '#api/generated/types.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import { formatTime } from '#component/clock.ts';
import { newJob, referenceTo } from './cron-job/cron-jobs-job.ts';
import { type CronJobSnapshot, reconcileCronJob } from './cron-job.ts';
import { aCronJob, aJob, announcements, describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const minutesAgo = (minutes: number): string => secondsAgo(60 * minutes);
const timeOf = (minutes: number): number => NOW_MS - 60_000 * minutes;

interface RunOptions {
  readonly end?: 'Complete' | 'Failed';
  readonly metadata?: Partial<ObjectMeta>;
}

/** The Job that the CronJob made so many minutes ago; it is running unless told otherwise. */
function aRun(minutes: number, { end, metadata }: RunOptions = {}): Job {
  const made = newJob(aCronJob(), timeOf(minutes));
  const name = made.metadata.name ?? '';
  const ended = { type: end ?? '', status: 'True', lastTransitionTime: minutesAgo(minutes) };
  const done = end === 'Complete' ? { completionTime: minutesAgo(minutes - 1) } : {};
  return {
    ...aJob({}, { startTime: minutesAgo(minutes), ...(end === undefined ? {} : { conditions: [ended], ...done }) }),
    metadata: metadataOf(name, { ...made.metadata, name, ...metadata }),
  };
}

/** Started for the last time so many minutes ago. */
const since = (minutes: number, spec: Partial<CronJob['spec']> = {}, active: readonly Job[] = []): CronJob =>
  aCronJob(spec, { lastScheduleTime: minutesAgo(minutes), ...(active.length === 0 ? {} : { active: active.map(referenceTo) }) });

function snapshotOf(cronJob: CronJob, jobs: readonly Job[] = [], more: Partial<CronJobSnapshot> = {}): CronJobSnapshot {
  return { cronJob, jobs, mayCreate: true, nowMs: NOW_MS, ...more };
}

const toNext = `requeue ${600_100}`;
const manual = aRun(3, { metadata: { name: 'by-hand', annotations: {} } });
const named = (minutes: number) => `tick-${Math.floor(timeOf(minutes) / 60_000)}`;

const cases: readonly { it: string; given: CronJobSnapshot; actions: readonly string[] }[] = [
  { it: 'starts a Job when it is time', given: snapshotOf(since(10)), actions: [`create ${named(0)}`, toNext] },
  { it: 'waits for its time', given: snapshotOf(since(0)), actions: [toNext] },
  { it: 'starts once for each time', given: snapshotOf(since(10), [aRun(0)]), actions: [`status ${named(0)} since 0`, toNext] },
  {
    it: 'starts only the last of those it missed',
    given: snapshotOf(since(60), [], { nowMs: timeOf(5) }),
    actions: [`create ${named(10)}`, 'requeue 300100'],
  },
  {
    it: 'warns when it missed many',
    given: snapshotOf(aCronJob({ schedule: '* * * * *' }, { lastScheduleTime: minutesAgo(300) })),
    actions: ['TooManyMissedTimes', `create ${named(0)}`, 'requeue 60100'],
  },
  {
    it: 'does not start what is too late',
    given: snapshotOf(since(60, { startingDeadlineSeconds: 120 }), [], { nowMs: timeOf(5) }),
    actions: ['requeue 300100'],
  },
  { it: 'does not start while suspended', given: snapshotOf(since(10, { suspend: true })), actions: [] },
  {
    it: 'does not start a second one when that is forbidden',
    given: snapshotOf(since(10, { concurrencyPolicy: 'Forbid' }, [aRun(10)]), [aRun(10)]),
    actions: ['JobAlreadyActive', toNext],
  },
  {
    it: 'replaces the one before when told to',
    given: snapshotOf(since(10, { concurrencyPolicy: 'Replace' }, [aRun(10)]), [aRun(10)]),
    actions: ['status none since 10', `delete ${named(10)}`, `create ${named(0)}`, toNext],
  },
  {
    it: 'runs side by side when that is allowed',
    given: snapshotOf(since(10, {}, [aRun(10)]), [aRun(10)]),
    actions: [`create ${named(0)}`, toNext],
  },
  {
    it: 'notes what has ended',
    given: snapshotOf(since(0, {}, [aRun(0)]), [aRun(0, { end: 'Complete' })]),
    actions: [`Saw completed job: ${named(0)}, condition: Complete`, 'status none since 0, succeeded', toNext],
  },
  {
    it: 'notes what is gone',
    given: snapshotOf(since(0, {}, [aRun(0)])),
    actions: [`Active job went missing: ${named(0)}`, 'status none since 0', toNext],
  },
  {
    it: 'says so of a Job that somebody else made in its name',
    given: snapshotOf(since(0), [manual]),
    actions: ['Saw a job that the controller did not create or forgot: by-hand', toNext],
  },
  {
    it: 'keeps as many ended Jobs as asked for',
    given: snapshotOf(
      aCronJob(
        { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 },
        { lastScheduleTime: minutesAgo(0), lastSuccessfulTime: minutesAgo(9) },
      ),
      [aRun(30, { end: 'Complete' }), aRun(10, { end: 'Complete' }), aRun(20, { end: 'Failed' }), aRun(40, { end: 'Complete' })],
    ),
    actions: [toNext, `delete ${named(40)}`, `delete ${named(30)}`, `delete ${named(20)}`],
  },
  {
    it: 'gives up a day that never comes',
    given: snapshotOf(aCronJob({ schedule: '0 0 31 2 *' })),
    actions: ['invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second'],
  },
  { it: 'starts nothing in a namespace that is being deleted', given: snapshotOf(since(10), [], { mayCreate: false }), actions: [toNext] },
  {
    it: 'starts nothing while it is being deleted',
    given: snapshotOf({ ...since(10), metadata: metadataOf('tick', { deletionTimestamp: secondsAgo(1) }) }),
    actions: [],
  },
];
for (const { it, given, actions } of cases) {
  test(`a CronJob ${it}`, () => assert.deepEqual(describeCronActions(given), actions));
}

const isCronJob = (object: object): object is CronJob => 'kind' in object && object.kind === 'CronJob';

function describeCronActions(given: CronJobSnapshot): readonly string[] {
  return reconcileCronJob(given).map((action) => {
    if (action.verb === 'create') return `create ${action.object.metadata.name}`;
    if (action.verb === 'delete') return `delete ${action.key.name}`;
    if (action.verb === 'event')
      return ['TooManyMissedTimes', 'JobAlreadyActive'].find((reason) => reason === action.reason) ?? action.message;
    if (action.verb !== 'updateStatus' || !isCronJob(action.object)) return describeActions([action]).join();
    const { active = [], lastScheduleTime = '', lastSuccessfulTime } = action.object.status ?? {};
    const minutes = (NOW_MS - Date.parse(lastScheduleTime)) / 60_000;
    const names = active.map(({ name }) => name).join(' ') || 'none';
    return `status ${names} since ${minutes}${lastSuccessfulTime === undefined ? '' : ', succeeded'}`;
  });
}

test('a Job is made from the template, named after its time and owned by the CronJob', () => {
  const cronJob = since(10, { timeZone: 'Europe/Berlin' });
  const [action] = reconcileCronJob(snapshotOf(cronJob));
  assert.ok(action?.verb === 'create');
  const { metadata } = action.object;
  assert.deepEqual(metadata.ownerReferences, [controllerReference(cronJob, cronjobs)]);
  assert.deepEqual(metadata.labels, { app: 'web' });
  assert.deepEqual(metadata.annotations, { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T13:00:00+01:00' });
  assert.equal(newJob(since(10), NOW_MS).metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], formatTime(NOW_MS));
  assert.deepEqual(announcements([action]), ['Created job {name}']);
});
