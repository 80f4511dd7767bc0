/** CronJobs: defaults, rules, and what may change. Source: upstream's pkg/apis/batch/v1/defaults.go and pkg/apis/batch/validation. */
import { applyPodTemplateDefaults } from '../../core/v1/pod-template.ts';
import type { CronJob, CronJobSpec } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateNotNegative, validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { cronScheduleProblem } from './cron-schedule.ts';
import { validateJobSpec } from './job.ts';

const SUCCESSFUL_JOBS_DEFAULT = 3;
const FAILED_JOBS_DEFAULT = 1;

/** Its Jobs get the scheduled minute appended, and their pods a suffix more. */
const NAME_CHARACTERS_MAX = 52;

export function applyCronJobDefaults(cronJob: CronJob): CronJob {
  const { spec } = cronJob;
  const { jobTemplate } = spec;
  const jobSpec = jobTemplate.spec ?? { template: {} };
  return {
    ...cronJob,
    spec: {
      ...spec,
      concurrencyPolicy: spec.concurrencyPolicy || 'Allow',
      suspend: spec.suspend ?? false,
      successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? SUCCESSFUL_JOBS_DEFAULT,
      failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? FAILED_JOBS_DEFAULT,
      jobTemplate: { ...jobTemplate, spec: { ...jobSpec, template: applyPodTemplateDefaults(jobSpec.template) } },
    },
  };
}

export function validateCronJob(cronJob: CronJob): readonly FieldProblem[] {
  const { spec, metadata } = cronJob;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...(spec.schedule === '' ? [required('spec.schedule')] : validateSchedule(spec.schedule, 'spec.schedule')),
    ...validateNotNegative(spec.startingDeadlineSeconds ?? 0, 'spec.startingDeadlineSeconds'),
    ...validateTimeZone(spec.timeZone, 'spec.timeZone'),
    ...validateOneOf(spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'], 'spec.concurrencyPolicy'),
    ...validateJobTemplate(spec, 'spec.jobTemplate.spec'),
    ...validateNotNegative(spec.successfulJobsHistoryLimit ?? 0, 'spec.successfulJobsHistoryLimit'),
    ...validateNotNegative(spec.failedJobsHistoryLimit ?? 0, 'spec.failedJobsHistoryLimit'),
    ...((metadata.name ?? '').length > NAME_CHARACTERS_MAX
      ? [invalidValue('metadata.name', metadata.name, `must be no more than ${NAME_CHARACTERS_MAX} characters`)]
      : []),
  ];
}

function validateSchedule(schedule: string, field: string): readonly FieldProblem[] {
  if (schedule.includes('TZ')) {
    return [invalidValue(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  }
  const problem = cronScheduleProblem(schedule);
  return problem === undefined ? [] : [invalidValue(field, schedule, problem)];
}

const ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/;

function validateTimeZone(zone: string | undefined, field: string): readonly FieldProblem[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalidValue(field, zone, 'timeZone must be nil or non-empty string')];
  const isPart = (part: string) => part !== '.' && part !== '..' && !part.startsWith('-') && ZONE_PART.test(part);
  if (!zone.split('/').every(isPart)) return [invalidValue(field, zone, `unknown time zone ${zone}`)];
  if (zone.toLowerCase() === 'local') {
    return [invalidValue(field, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  }
  return isTimeZone(zone) ? [] : [invalidValue(field, zone, `unknown time zone ${zone}`)];
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Each of its Jobs makes its own selector. */
function validateJobTemplate({ jobTemplate }: CronJobSpec, field: string): readonly FieldProblem[] {
  const { spec } = jobTemplate;
  if (spec === undefined) return [required(field)];
  const problems = [...validateJobSpec(spec, field)];
  if (spec.selector !== undefined) problems.push(invalidValue(`${field}.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector === true) problems.push(notSupported(`${field}.manualSelector`, true, ['nil', 'false']));
  return problems;
}
