import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronjobs, jobs } from '../../generated/resources.ts';
import { anObject, testRules, testUpdates } from '../../testing/kind-cases.ts';
import { applyCronJobDefaults, validateCronJob } from './cron-job.ts';
import { cronScheduleProblem } from './cron-schedule.ts';
import { parseIndexList } from './index-list.ts';
import { applyJobDefaults, validateJob, validateJobUpdate, withGeneratedSelector } from './job.ts';
import { validateJobStatusUpdate } from './job-status.ts';

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } };
const indexed = { completionMode: 'Indexed', completions: 5 };

const job = {
  type: jobs,
  base: { spec: { template } },
  applyDefaults: applyJobDefaults,
  prepare: withGeneratedSelector,
  validate: validateJob,
  validateUpdate: validateJobUpdate,
};

test('a Job finds its pods by its uid', () => {
  const { spec, metadata } = anObject(job);
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } });
  assert.deepEqual(spec.template.metadata?.labels, {
    'batch.kubernetes.io/controller-uid': 'u',
    'batch.kubernetes.io/job-name': 'a',
    'controller-uid': 'u',
    'job-name': 'a',
  });
  assert.deepEqual(metadata.labels, spec.template.metadata?.labels);
  assert.deepEqual(
    [spec.completions, spec.parallelism, spec.backoffLimit, spec.completionMode, spec.podReplacementPolicy],
    [1, 1, 6, 'NonIndexed', 'TerminatingOrFailed'],
  );
});

testRules(job, [
  { it: 'may be indexed', change: { spec: indexed }, problems: [] },
  {
    it: 'does not restart for ever',
    change: { spec: { template: { spec: { restartPolicy: null } } } },
    problems: ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  },
  {
    it: 'has completions when indexed',
    change: { spec: { completionMode: 'Indexed', completions: null, parallelism: 2 } },
    problems: ['spec.completions: Required value: when completion mode is Indexed'],
  },
  {
    it: 'counts failures of indexes only when indexed',
    change: { spec: { backoffLimitPerIndex: 1 } },
    problems: ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  },
  {
    it: 'fails by exit codes in order',
    change: {
      spec: {
        podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [3, 0, 3], containerName: 'b' } }] },
      },
    },
    problems: [
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "b": must be one of the container or initContainer names in the pod template',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
    ],
  },
  {
    it: 'has failure rules that say when and what',
    change: { spec: { podFailurePolicy: { rules: [{ action: '' }] } } },
    problems: [
      'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
  },
  {
    it: 'succeeds early by indexes it has',
    change: { spec: { ...indexed, successPolicy: { rules: [{ succeededIndexes: '1,3-7', succeededCount: 9 }] } } },
    problems: [
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1,3-7": error parsing succeededIndexes: too large index: "7"',
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 9: must be less than or equal to 5 (the number of specified completions)',
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 9: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
    ],
  },
  {
    it: 'is managed by a controller under a domain',
    change: { spec: { managedBy: 'kueue' } },
    problems: ['spec.managedBy: Invalid value: "kueue": must be a domain-prefixed path (such as "acme.io/foo")'],
  },
]);

testUpdates(job, [
  { it: 'may be given more room', from: { spec: { completions: 9 } }, change: { spec: { parallelism: 4, suspend: true } }, problems: [] },
  {
    it: 'keeps its completions',
    change: { spec: { completions: 3 } },
    problems: ['spec.completions: Invalid value: 3: field is immutable'],
  },
  {
    it: 'that is indexed grows with its parallelism',
    from: { spec: indexed },
    change: { spec: { completions: 7, parallelism: 7 } },
    problems: [],
  },
  {
    it: 'that is suspended may be sent elsewhere',
    from: { spec: { suspend: true } },
    change: { spec: { template: { spec: { nodeSelector: { zone: 'a' } } } } },
    problems: [],
  },
]);

test('a Job that runs keeps its template', () => {
  const next = anObject(job, { spec: { template: { spec: { nodeSelector: { zone: 'a' } } } } });
  const [problem] = validateJobUpdate(next, anObject(job));
  assert.equal(problem?.field, 'spec.template');
  assert.match(problem?.message ?? '', /field is immutable$/);
});

const at = '2026-01-01T00:00:00Z';
const condition = (type: string) => ({ type, status: 'True' });
testUpdates({ ...job, validateUpdate: validateJobStatusUpdate }, [
  { it: 'starts', change: { status: { startTime: at, active: 1, ready: 1 } }, problems: [] },
  {
    it: 'ends once, completely',
    from: { status: { startTime: at, active: 1 } },
    change: { status: { conditions: [condition('Complete')], failed: -1 } },
    problems: [
      'status.failed: Invalid value: -1: must be greater than or equal to 0',
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.failed: Invalid value: -1: cannot decrease the failed counter',
    ],
  },
  {
    it: 'starts anew when it is resumed',
    from: { status: { startTime: at, conditions: [condition('Suspended')] } },
    change: { status: { startTime: '2026-01-01T00:01:00Z', conditions: [{ type: 'Suspended', status: 'False' }] } },
    problems: [],
  },
  {
    it: 'keeps its start otherwise',
    from: { status: { startTime: at } },
    change: { status: { startTime: '2026-01-01T00:01:00Z' } },
    problems: ['status.startTime: Required value: startTime cannot be removed for unsuspended job'],
  },
  {
    it: 'stays ended',
    from: { status: { startTime: at, completionTime: at, conditions: [condition('SuccessCriteriaMet'), condition('Complete')] } },
    change: { status: { conditions: [condition('SuccessCriteriaMet')], completionTime: null } },
    problems: ['status.conditions: Invalid value: cannot disable the terminal Complete=True condition'],
  },
]);

const cronJob = {
  type: cronjobs,
  base: { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template } } } },
  applyDefaults: applyCronJobDefaults,
  validate: validateCronJob,
};

testRules(cronJob, [
  { it: 'may name a time zone', change: { spec: { timeZone: 'Europe/Berlin' } }, problems: [] },
  {
    it: 'has a schedule of five fields',
    change: { spec: { schedule: '* * *' } },
    problems: ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'],
  },
  {
    it: 'has its time zone beside the schedule',
    change: { spec: { schedule: 'TZ=UTC 0 * * * *' } },
    problems: ['spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
  },
  {
    it: 'knows time zones by their names',
    change: { spec: { timeZone: 'Europe/Nowhere' } },
    problems: ['spec.timeZone: Invalid value: "Europe/Nowhere": unknown time zone Europe/Nowhere'],
  },
  {
    it: 'leaves selectors to its Jobs',
    change: { spec: { concurrencyPolicy: 'Maybe', jobTemplate: { spec: { manualSelector: true } } } },
    problems: [
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
  },
  {
    it: 'has room in its name for that of its Jobs',
    change: { metadata: { name: 'a'.repeat(53) } },
    problems: [`metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`],
  },
]);

const schedules: readonly (readonly [string, string | undefined])[] = [
  ['0 0 1 jan mon-fri', undefined],
  ['0-30/10,45 */2 ? * 0', undefined],
  ['@daily', undefined],
  ['@every 1h30m', undefined],
  ['@sometimes', 'unrecognized descriptor: @sometimes'],
  ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-2 * * * *', 'beginning of range (5) beyond end of range (2): 5-2'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
];
for (const [text, problem] of schedules) {
  test(`the schedule ${text} is ${problem === undefined ? 'one' : 'none'}`, () => assert.equal(cronScheduleProblem(text), problem));
}

test('lists of indexes are counted', () => {
  assert.deepEqual(parseIndexList('0,2-4,7', 10), { isValid: true, count: 5 });
  assert.deepEqual(parseIndexList('2,1', 10), { isValid: false, problem: 'non-increasing order, previous: 2, current: 1' });
  assert.deepEqual(parseIndexList('x', 10), { isValid: false, problem: 'cannot convert string to integer for index: "x"' });
});
