/** Jobs by the clock, and Jobs that are over. */
import { cronjobs, jobs, pods } from '#api/generated/resources.ts';
import type { CronJob, Job } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import type { Scenario, World } from '../simulate.ts';
import { allOf, only } from '../world.ts';
import { change, checkPods, create, isTrue, metadata, unlike, wait } from './common.ts';

const MINUTE_MS = 60_000;
const jobSpec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'task', image: 'task:v1' }] } } };

function isOver(job: Job): boolean {
  return isTrue(job, 'Complete') || isTrue(job, 'Failed');
}

function unfinishedJobs(world: World): readonly Job[] {
  return allOf(world, jobs).filter((job) => !isOver(job) && job.metadata.deletionTimestamp === undefined);
}

function aCronJob(concurrencyPolicy: string): Draft<CronJob> {
  const spec = { schedule: '* * * * *', concurrencyPolicy, successfulJobsHistoryLimit: 2, jobTemplate: { spec: jobSpec } };
  return { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec };
}

/** Each takes longer than the time to the next. */
function cronJob(concurrencyPolicy: 'Forbid' | 'Replace' | 'Allow', atOnceMax: number): Scenario {
  return {
    name: `cron-job-${concurrencyPolicy.toLowerCase()}`,
    nodes: 2,
    conduct: (random) => ({ exit: { afterMs: MINUTE_MS + random.next() * MINUTE_MS, code: 0 } }),
    acts: [create<CronJob>(cronjobs, aCronJob(concurrencyPolicy)), wait(6 * MINUTE_MS), change(cronjobs, { suspend: true })],
    createCheck: () => (world) => {
      const running = unfinishedJobs(world).length;
      const byMoment = Map.groupBy(
        allOf(world, jobs),
        ({ metadata: { annotations } }) => annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '',
      );
      return [
        ...checkPods(world),
        ...(running > atOnceMax ? [`${running} Jobs run at once`] : []),
        ...[...byMoment].filter(([moment, twins]) => moment !== '' && twins.length > 1).map(([moment]) => `two Jobs of ${moment}`),
      ];
    },
    unfinished: (world) => {
      const cron = only(world, cronjobs);
      const over = allOf(world, jobs).filter(isOver).length;
      return [
        ...unlike('suspend', cron?.spec?.suspend, true),
        ...unlike('status.active', (cron?.status?.active ?? []).length, 0),
        ...unlike('Jobs that run', unfinishedJobs(world).length, 0),
        ...(over > 2 ? [`${over} Jobs are kept, not 2`] : []),
        ...(cron?.status?.lastScheduleTime === undefined ? ['nothing was scheduled'] : []),
      ];
    },
  };
}

const TTL_MS = 60_000;

const timeToLive: Scenario = {
  name: 'jobs-go-some-time-after-they-are-over',
  nodes: 1,
  acts: [
    create<Job>(jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: { ...jobSpec, completions: 3, parallelism: 2, ttlSecondsAfterFinished: TTL_MS / 1_000 },
    }),
  ],
  createCheck:
    () =>
    (_world, { type, item }) => {
      if (type !== 'delete' || !item.key.startsWith('/registry/batch/jobs/')) return [];
      return isOver(JSON.parse(item.bytes.toString())) ? [] : ['a Job was removed before it was over'];
    },
  unfinished: (world) => [...unlike('Jobs', allOf(world, jobs).length, 0), ...unlike('pods', allOf(world, pods).length, 0)],
};

const failing: Scenario = {
  name: 'job-gives-up-after-its-backoff-limit',
  nodes: 1,
  conduct: () => ({ exit: { afterMs: 1_000, code: 1 } }),
  acts: [create<Job>(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { ...jobSpec, backoffLimit: 2 } })],
  createCheck: () => (world) => {
    const made = allOf(world, pods).length;
    return made > 3 ? [`${made} pods, of a first try and two more`] : [];
  },
  unfinished: (world) => {
    const job = only(world, jobs);
    const reason = job?.status?.conditions?.find(({ type }) => type === 'Failed')?.reason;
    return [
      ...unlike('reason', reason, 'BackoffLimitExceeded'),
      ...unlike('status.failed', job?.status?.failed, 3),
      ...unlike('status.active', job?.status?.active ?? 0, 0),
    ];
  },
};

export const batchScenarios: readonly Scenario[] = [cronJob('Forbid', 1), cronJob('Replace', 1), cronJob('Allow', 10), timeToLive, failing];
