/** CronJobs, as the API server serves them. */
import { applyCronJobDefaults, validateCronJob } from '#api/batch/v1/cron-job.ts';
import { cronjobs as type } from '#api/generated/resources.ts';
import type { CronJob } from '#api/generated/types.ts';
import { formatLabelSelector } from '#api/meta/label-selector.ts';
import { ageOf } from '#api/meta/time.ts';
import { ageColumn, countColumn, formatBoolean, NONE, nameColumn, templateColumns, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const cronjobs = defineResource<CronJob>(type, {
  shortNames: ['cj'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn('Schedule', 'When it runs.', ({ spec }) => spec.schedule),
    textColumn(
      'Timezone',
      "Whose clock the schedule is read by; the controller manager's by default.",
      ({ spec }) => spec.timeZone ?? NONE,
    ),
    {
      name: 'Suspend',
      type: 'boolean',
      description: 'Whether it makes no further Jobs for now.',
      value: ({ spec }) => formatBoolean(spec.suspend),
    },
    countColumn('Active', 'How many of its Jobs are running.', ({ status }) => status?.active?.length ?? 0),
    textColumn('Last Schedule', 'How long ago it last made a Job.', lastSchedule),
    ageColumn,
    ...templateColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template),
    wide(
      textColumn('Selector', 'Which pods belong to its Jobs.', ({ spec }) => formatLabelSelector(spec.jobTemplate.spec?.selector ?? {})),
    ),
  ],
  applyDefaults: applyCronJobDefaults,
  validate: validateCronJob,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({}),
});

function lastSchedule({ status }: CronJob, nowMs: number): string {
  return status?.lastScheduleTime === undefined ? NONE : ageOf(status.lastScheduleTime, nowMs);
}
