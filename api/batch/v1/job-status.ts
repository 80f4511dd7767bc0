/**
 * What a Job's controller may say of it: counts that make sense, an end that is an end. Checked on updates of the status only, and only for what the
 * update changes, so that whoever else touches the status is not held to account for it. Source: upstream's pkg/apis/batch/validation, ValidateJobUpdateStatus.
 */
import type { Job } from '../../generated/types.ts';
import { isConditionTrue } from '../../meta/condition.ts';
import { invalidStructure, invalidValue, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { parseTime } from '../../meta/time.ts';
import { validateNotNegative } from '../../meta/validation.ts';
import { parseIndexList } from './index-list.ts';

export function validateJobStatusUpdate(job: Job, previous: Job): readonly FieldProblem[] {
  if (jsonEquals(job.status ?? {}, previous.status ?? {})) return [];
  return [
    ...validateCounts(job),
    ...validateConditions(job),
    ...validateEnd(job),
    ...validateIndexes(job),
    ...validateCourse(job, previous),
  ];
}

type JobConditionType = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet';

const has = ({ status }: Job, type: JobConditionType) => isConditionTrue(status?.conditions, type);
const isFinished = (job: Job) => has(job, 'Complete') || has(job, 'Failed');

function validateCounts(job: Job): readonly FieldProblem[] {
  const { status = {} } = job;
  const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
  const problems = counts.flatMap((name) => validateNotNegative(status[name] ?? 0, `status.${name}`));
  if ((status.ready ?? 0) > (status.active ?? 0)) {
    problems.push(invalidValue('status.ready', status.ready, 'cannot set more ready pods than active'));
  }
  return problems;
}

function validateConditions(job: Job): readonly FieldProblem[] {
  const field = 'status.conditions';
  const exclusive: readonly (readonly [JobConditionType, JobConditionType, string])[] = [
    ['Complete', 'Failed', 'cannot set Complete=True and Failed=true conditions'],
    ['Complete', 'FailureTarget', 'cannot set Complete=True and FailureTarget=true conditions'],
    ['SuccessCriteriaMet', 'Failed', 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    ['SuccessCriteriaMet', 'FailureTarget', 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
  ];
  const problems = exclusive.filter(([one, other]) => has(job, one) && has(job, other)).map(([, , why]) => invalidStructure(field, why));
  if (has(job, 'Failed') && !has(job, 'FailureTarget')) {
    problems.push(invalidStructure(field, 'cannot set Failed=True condition without the FailureTarget=true condition'));
  }
  if (has(job, 'Complete') && !has(job, 'SuccessCriteriaMet')) {
    problems.push(invalidStructure(field, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'));
  }
  return problems;
}

function validateEnd(job: Job): readonly FieldProblem[] {
  const { status = {} } = job;
  const { startTime, completionTime, active = 0, terminating = 0, uncountedTerminatedPods: uncounted = {} } = status;
  const problems: FieldProblem[] = [];
  if (completionTime !== undefined && !has(job, 'Complete')) {
    const why = 'cannot set completionTime when there is no Complete=True condition';
    problems.push(invalidValue('status.completionTime', completionTime, why));
  }
  if (completionTime === undefined && has(job, 'Complete')) {
    problems.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  }
  if ((parseTime(completionTime) ?? Number.POSITIVE_INFINITY) < (parseTime(startTime) ?? 0)) {
    problems.push(invalidValue('status.completionTime', completionTime, 'completionTime cannot be set before startTime'));
  }
  if (!isFinished(job)) return problems;
  if (active > 0) problems.push(invalidValue('status.active', active, 'active>0 is invalid for finished job'));
  if (terminating > 0) problems.push(invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  if (startTime === undefined) problems.push(required('status.startTime', 'startTime is required for finished job'));
  if ((uncounted.failed ?? []).length + (uncounted.succeeded ?? []).length > 0) {
    const why = 'uncountedTerminatedPods needs to be empty for finished job';
    problems.push(invalidValue('status.uncountedTerminatedPods', uncounted, why));
  }
  return problems;
}

function validateIndexes({ spec, status = {} }: Job): readonly FieldProblem[] {
  const { completedIndexes = '', failedIndexes } = status;
  const problems: FieldProblem[] = [];
  const check = (name: 'completedIndexes' | 'failedIndexes', text: string) => {
    const list = parseIndexList(text, spec.completions ?? 0);
    if (!list.isValid) problems.push(invalidValue(`status.${name}`, text, `error parsing ${name}: ${list.problem}`));
  };
  if (spec.completions !== undefined) check('completedIndexes', completedIndexes);
  if (spec.completions !== undefined && spec.backoffLimitPerIndex !== undefined) check('failedIndexes', failedIndexes ?? '');
  if (completedIndexes !== '' && spec.completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    problems.push(invalidValue('status.completedIndexes', completedIndexes, why));
  }
  if (failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    problems.push(invalidValue('status.failedIndexes', failedIndexes, why));
  }
  return problems;
}

/** What has happened has happened. */
function validateCourse(job: Job, previous: Job): readonly FieldProblem[] {
  const [now, before] = [job.status ?? {}, previous.status ?? {}];
  const ends = ['Failed', 'Complete', 'FailureTarget', 'SuccessCriteriaMet'] as const;
  const problems = ends
    .filter((type) => has(previous, type) && !has(job, type))
    .map((type) =>
      invalidStructure('status.conditions', `cannot disable the ${type === 'SuccessCriteriaMet' ? '' : 'terminal '}${type}=True condition`),
    );
  for (const name of ['failed', 'succeeded'] as const) {
    if ((now[name] ?? 0) < (before[name] ?? 0)) {
      problems.push(invalidValue(`status.${name}`, now[name] ?? 0, `cannot decrease the ${name} counter`));
    }
  }
  if (now.completionTime !== undefined && before.completionTime !== undefined && now.completionTime !== before.completionTime) {
    problems.push(invalidValue('status.completionTime', now.completionTime, 'completionTime cannot be mutated'));
  }
  // A Job that is resumed starts anew.
  const isResumed = isConditionTrue(before.conditions, 'Suspended') && !isConditionTrue(now.conditions, 'Suspended');
  if (before.startTime !== undefined && before.startTime !== now.startTime && job.spec.suspend !== true && !isResumed) {
    problems.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
  return problems;
}
