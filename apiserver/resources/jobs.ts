/** Jobs, as the API server serves them. A new Job gets its selector here, from its uid. */
import { applyJobDefaults, validateJob, validateJobUpdate, withGeneratedSelector } from '#api/batch/v1/job.ts';
import { validateJobStatusUpdate } from '#api/batch/v1/job-status.ts';
import { jobs as type } from '#api/generated/resources.ts';
import type { Job } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import { formatLabelSelector } from '#api/meta/label-selector.ts';
import { formatAge, parseTime } from '#api/meta/time.ts';
import { ageColumn, nameColumn, templateColumns, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const jobs = defineResource<Job>(type, {
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn('Status', 'What the job is up to, in a word.', statusWord),
    textColumn('Completions', 'How many pods have succeeded, of how many.', completions),
    textColumn('Duration', 'How long it took, or has taken so far.', duration),
    ageColumn,
    ...templateColumns<Job>(({ spec }) => spec.template),
    wide(textColumn('Selector', 'Which pods belong to it.', ({ spec }) => formatLabelSelector(spec.selector ?? {}))),
  ],
  applyDefaults: applyJobDefaults,
  validate: validateJob,
  validateUpdate: (job, previous, subresource) =>
    subresource === 'status' ? validateJobStatusUpdate(job, previous) : validateJobUpdate(job, previous),
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({}),
  prepareForCreate: withGeneratedSelector,
  selectableFields: ({ status }) => ({ 'status.successful': String(status?.succeeded ?? 0) }),
});

function statusWord({ status, metadata }: Job): string {
  const has = (condition: string) => isConditionTrue(status?.conditions, condition);
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const { parallelism = 0 } = spec;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: Job, nowMs: number): string {
  const startedMs = parseTime(status?.startTime);
  return startedMs === undefined ? '' : formatAge((parseTime(status?.completionTime) ?? nowMs) - startedMs);
}
