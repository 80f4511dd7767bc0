/**
 * CronJobs, by what they do at the minute, and as objects. That none is made is told by a witness: another CronJob of the same schedule whose Job is
 * there, or the event that says why there is none.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aPod } from '../framework/pods.ts';
import { isOwnedBy } from '../framework/workloads.ts';

const CRON_JOBS = 'batch/v1/cronjobs';
const JOBS = 'batch/v1/jobs';
/** Two times of a schedule by the minute, and the time that pods take. */
const TWO_MINUTES_MS_MAX = 180_000;

/** Every minute; its pods run until they are told to stop. */
const aCronJob = (name: string, spec: Json): Json => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name },
  spec: {
    schedule: '*/1 * * * ?',
    jobTemplate: { spec: { template: { spec: aPod('', { spec: { restartPolicy: 'OnFailure' } }).spec } } },
    ...spec,
  },
});

async function createCronJob(t: TestScope, name: string, spec: Json): Promise<Json> {
  return t.resource(CRON_JOBS).create(aCronJob(name, spec));
}

/** The names of its active Jobs as soon as there are so many. */
function untilActive(t: TestScope, name: string, count: number): Promise<readonly string[]> {
  return t.resource(CRON_JOBS).until(
    name,
    `${name} has ${count} active Jobs`,
    (found) => {
      const active: readonly Json[] = found?.status?.active ?? [];
      return active.length === count && active.map((reference) => reference.name);
    },
    TWO_MINUTES_MS_MAX,
  );
}

async function jobsOf(t: TestScope, cronJob: Json): Promise<readonly Json[]> {
  return (await t.resource(JOBS).list()).items.filter((job: Json) => isOwnedBy(job, cronJob));
}

async function runsConcurrently(t: TestScope): Promise<void> {
  const cronJob = await createCronJob(t, 'concurrent', { concurrencyPolicy: 'Allow' });
  const names = await untilActive(t, 'concurrent', 2);
  const jobs = await jobsOf(t, cronJob);
  assert.deepEqual(jobs.map(({ metadata }) => metadata.name).sort(), [...names].sort());
  assert.ok(
    jobs.every(({ status }) => (status.completionTime ?? status.failed) === undefined),
    'both run',
  );
}

async function replaces(t: TestScope): Promise<void> {
  const cronJob = await createCronJob(t, 'replace', { concurrencyPolicy: 'Replace' });
  const [first = ''] = await untilActive(t, 'replace', 1);
  await t.resource(CRON_JOBS).until(
    'replace',
    'another Job takes the first one’s place',
    (found) => {
      const active: readonly Json[] = found?.status?.active ?? [];
      return active.length === 1 && active[0].name !== first;
    },
    TWO_MINUTES_MS_MAX,
  );
  await t.resource(JOBS).untilGone(first);
  assert.equal((await jobsOf(t, cronJob)).length, 1);
}

async function forbids(t: TestScope): Promise<void> {
  const cronJob = await createCronJob(t, 'forbid', { concurrencyPolicy: 'Forbid' });
  const active = await untilActive(t, 'forbid', 1);
  await t
    .resource('v1/events')
    .untilAll(
      { fieldSelector: 'involvedObject.name=forbid' },
      'the next time is passed over',
      (events) => events.some(({ reason }) => reason === 'JobAlreadyActive'),
      TWO_MINUTES_MS_MAX,
    );
  assert.deepEqual(
    (await jobsOf(t, cronJob)).map(({ metadata }) => metadata.name),
    active,
  );
  assert.deepEqual(await untilActive(t, 'forbid', 1), active);
}

async function suspends(t: TestScope): Promise<void> {
  const cronJob = await createCronJob(t, 'suspended', { suspend: true });
  await createCronJob(t, 'witness', {});
  await untilActive(t, 'witness', 2);
  assert.deepEqual(await jobsOf(t, cronJob), []);
  const { status } = await t.resource(CRON_JOBS).get('suspended');
  assert.deepEqual([status?.active ?? [], status?.lastScheduleTime], [[], undefined]);
}

function operates(t: TestScope): Promise<void> {
  const time = (minutesAgo: number): string => new Date(Date.now() - minutesAgo * 60_000).toISOString().replace(/\.\d+/, '');
  return checkApiOperations(t, {
    resource: CRON_JOBS,
    isNamespaced: true,
    // The 29th of February at noon: none of them makes a Job meanwhile.
    anObject: (name) => aCronJob(name, { schedule: '0 12 29 2 *' }),
    status: { patch: { lastScheduleTime: time(2) }, update: { lastScheduleTime: time(1) } },
  });
}

const PREFIX = '[sig-apps] CronJob';

export const cronJobTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should not schedule jobs when suspended [Conformance] [Slow]`, run: suspends, isSlow: true },
  { name: `${PREFIX} should not schedule new jobs when ForbidConcurrent [Conformance] [Slow]`, run: forbids, isSlow: true },
  { name: `${PREFIX} should replace jobs when ReplaceConcurrent [Conformance]`, run: replaces },
  { name: `${PREFIX} should schedule multiple jobs concurrently [Conformance]`, run: runsConcurrently },
  { name: `${PREFIX} should support CronJob API operations [Conformance]`, run: operates },
];
