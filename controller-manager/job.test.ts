import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Job, JobStatus, Pod, PodStatus } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { formatTime } from '#component/clock.ts';
import { countIndexes, countShared, firstMissing, formatIndexes, hasIndex, parseIndexes, withIndexes } from './job/index-set.ts';
import { INDEX_ANNOTATION, TRACKING_FINALIZER } from './job/job-pods.ts';
import { matchFailure } from './job/pod-failure-policy.ts';
import { type JobSnapshot, reconcileJob } from './job.ts';
import { reconcileTrackedPod } from './job-tracking.ts';
import { aJob, announcements, aPod, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

interface WorkerOptions {
  readonly phase?: string;
  readonly index?: number;
  readonly isGoing?: boolean;
  readonly isTracked?: boolean;
  readonly failures?: number;
  readonly status?: PodStatus;
  readonly finishedAgo?: number;
}

const owner = aJob();

/** A running pod of the Job that is not counted yet, unless told otherwise; it ended long ago if it did. */
function aWorker(name: string, options: WorkerOptions = {}): Pod {
  const { phase = 'Running', index, isGoing = false, isTracked = true, failures, finishedAgo = 3_000 } = options;
  const annotations = {
    ...(index === undefined ? {} : { [INDEX_ANNOTATION]: String(index) }),
    ...(failures === undefined ? {} : { 'batch.kubernetes.io/job-index-failure-count': String(failures) }),
  };
  const pod = aPod(name, {
    owner,
    phase,
    node: 'a',
    metadata: {
      annotations,
      ...(isTracked ? { finalizers: [TRACKING_FINALIZER] } : {}),
      ...(isGoing ? { deletionTimestamp: secondsAgo(1) } : {}),
    },
  });
  const since = { type: 'Ready', status: 'False', lastTransitionTime: secondsAgo(finishedAgo) };
  return { ...pod, status: { ...pod.status, conditions: [since], ...options.status } };
}

function snapshotOf(job: Job, candidates: readonly Pod[], more: Partial<JobSnapshot> = {}): JobSnapshot {
  let count = 0;
  return { job, candidates, mayAdopt: true, mayCreate: true, nowMs: NOW_MS, suffix: () => `x${count++}`, ...more };
}

const started: JobStatus = { startTime: secondsAgo(100), ready: 0, terminating: 0, uncountedTerminatedPods: {} };
const running: JobStatus = { ...started, active: 1 };
const condition = (type: string, reason: string, message: string) => ({
  type,
  status: 'True',
  lastProbeTime: secondsAgo(5),
  lastTransitionTime: secondsAgo(5),
  reason,
  message,
});
const reached = condition('SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods');
const exceeded = condition('FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
const succeeded = (name: string, options: WorkerOptions = {}) => aWorker(name, { phase: 'Succeeded', ...options });
const failed = (name: string, options: WorkerOptions = {}) => aWorker(name, { phase: 'Failed', ...options });
const indexed = (more: Partial<Job['spec']> = {}, status: JobStatus = started) =>
  aJob({ completionMode: 'Indexed', completions: 3, parallelism: 2, ...more }, status);
const exit = (exitCode: number): PodStatus => ({
  containerStatuses: [{ name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode } } }],
});
const failsOn42 = { podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] } };
const goingJob = (job: Job): Job => ({ ...job, metadata: { ...job.metadata, deletionTimestamp: secondsAgo(1) } });

const cases: readonly { it: string; given: JobSnapshot; actions: readonly string[] }[] = [
  { it: 'starts its pod', given: snapshotOf(aJob(), []), actions: ['create', 'status active 1'] },
  { it: 'does nothing while that runs', given: snapshotOf(aJob({}, running), [aWorker('one')]), actions: [] },
  {
    it: 'runs as many at once as it may',
    given: snapshotOf(aJob({ completions: 5, parallelism: 3 }, started), []),
    actions: ['create', 'create', 'create', 'status active 3'],
  },
  {
    it: 'runs no more than it needs',
    given: snapshotOf(aJob({ completions: 5, parallelism: 3 }, { ...started, succeeded: 4 }), []),
    actions: ['create', 'status active 1, succeeded 4'],
  },
  {
    it: 'names a pod that succeeded before it lets it go',
    given: snapshotOf(aJob({ completions: 2 }, running), [succeeded('one')]),
    actions: ['create', 'status active 1, uncounted one', 'let go one'],
  },
  {
    it: 'counts it when it is let go',
    given: snapshotOf(aJob({ completions: 2 }, { ...running, uncountedTerminatedPods: { succeeded: ['uid-one'] } }), [
      succeeded('one', { isTracked: false }),
      aWorker('two'),
    ]),
    actions: ['status active 1, succeeded 1'],
  },
  {
    it: 'counts a pod that was let go and is gone',
    given: snapshotOf(aJob({ completions: 2 }, { ...running, uncountedTerminatedPods: { failed: ['uid-one'] } }), [aWorker('two')]),
    actions: ['status active 1, failed 1'],
  },
  {
    it: 'has reached its end when enough succeeded',
    given: snapshotOf(aJob({}, running), [succeeded('one')]),
    actions: ['status uncounted one, SuccessCriteriaMet CompletionsReached', 'let go one'],
  },
  {
    it: 'is complete when all are counted',
    given: snapshotOf(aJob({}, { ...started, conditions: [reached], uncountedTerminatedPods: { succeeded: ['uid-one'] } }), [
      succeeded('one', { isTracked: false }),
    ]),
    actions: ['status succeeded 1, SuccessCriteriaMet CompletionsReached, Complete CompletionsReached', 'Job completed'],
  },
  {
    it: 'is not complete while a pod is still terminating',
    given: snapshotOf(aJob({}, { ...started, conditions: [reached], succeeded: 1, terminating: 1 }), [
      aWorker('two', { isGoing: true, isTracked: false }),
    ]),
    actions: [],
  },
  {
    it: 'without a number of completions hires nobody after the first success',
    given: snapshotOf(withoutCompletions({ parallelism: 3 }), [succeeded('one'), aWorker('two')]),
    actions: ['status active 1, uncounted one', 'let go one'],
  },
  {
    it: 'waits before it tries again',
    given: snapshotOf(aJob({}, running), [failed('one', { finishedAgo: 4 })]),
    actions: ['status uncounted one', 'let go one', 'requeue 6000'],
  },
  {
    it: 'waits longer after each failure',
    given: snapshotOf(aJob({}, { ...started, failed: 2 }), [
      failed('one', { finishedAgo: 30, isTracked: false }),
      failed('two', { finishedAgo: 4, isTracked: false }),
    ]),
    actions: ['requeue 16000'],
  },
  {
    it: 'tries again after that',
    given: snapshotOf(aJob({}, { ...started, failed: 1 }), [failed('one', { isTracked: false })]),
    actions: ['create', 'status active 1, failed 1'],
  },
  {
    it: 'gives up when too many failed, and counts those that it takes along',
    given: snapshotOf(aJob({ backoffLimit: 0, completions: 2, parallelism: 2 }, { ...running, active: 2 }), [
      failed('one'),
      aWorker('two'),
    ]),
    actions: ['status uncounted one two, FailureTarget BackoffLimitExceeded', 'let go one', 'let go two', 'delete two'],
  },
  {
    it: 'has failed when all are counted',
    given: snapshotOf(aJob({ backoffLimit: 0 }, { ...started, conditions: [exceeded], uncountedTerminatedPods: { failed: ['uid-one'] } }), [
      failed('one', { isTracked: false }),
    ]),
    actions: [
      'status failed 1, FailureTarget BackoffLimitExceeded, Failed BackoffLimitExceeded',
      'Job has reached the specified backoff limit',
    ],
  },
  {
    it: 'counts restarts in place as well',
    given: snapshotOf(aJob({ backoffLimit: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [] } } }, running), [
      aWorker('one', { status: { containerStatuses: [{ name: 'a', image: '', imageID: '', ready: false, restartCount: 2 }] } }),
    ]),
    actions: ['status uncounted one, FailureTarget BackoffLimitExceeded', 'let go one', 'delete one'],
  },
  {
    it: 'has a deadline',
    given: snapshotOf(aJob({ activeDeadlineSeconds: 100 }, running), [aWorker('one')]),
    actions: ['status uncounted one, FailureTarget DeadlineExceeded', 'let go one', 'delete one'],
  },
  {
    it: 'looks again when the deadline comes',
    given: snapshotOf(aJob({ activeDeadlineSeconds: 130 }, running), [aWorker('one')]),
    actions: ['requeue 30000'],
  },
  {
    it: 'gives up its pods when suspended, without counting them as failures',
    given: snapshotOf(aJob({ suspend: true }, running), [aWorker('one')]),
    actions: ['status Suspended JobSuspended', 'Job suspended', 'let go one', 'delete one'],
  },
  {
    it: 'does not start while suspended',
    given: snapshotOf(aJob({ suspend: true }), []),
    actions: ['status Suspended JobSuspended', 'Job suspended'],
  },
  {
    it: 'starts anew when resumed',
    given: snapshotOf(
      aJob(
        { activeDeadlineSeconds: 50 },
        { ...started, startTime: secondsAgo(0), conditions: [condition('Suspended', 'JobSuspended', 'Job suspended')] },
      ),
      [],
    ),
    actions: ['create', 'status active 1', 'Job resumed', 'requeue 50000'],
  },
  {
    it: 'gives up pods beyond its parallelism',
    given: snapshotOf(aJob({ completions: 5, parallelism: 1 }, { ...running, active: 2 }), [aWorker('one'), aWorker('two')]),
    actions: ['status active 1', 'let go one', 'delete one'],
  },
  {
    it: 'replaces a terminating pod at once and counts it as failed',
    given: snapshotOf(aJob({}, running), [aWorker('one', { isGoing: true })]),
    actions: ['create', 'status active 1, uncounted one', 'let go one'],
  },
  {
    it: 'waits for the end of a terminating pod when told to',
    given: snapshotOf(aJob({ podReplacementPolicy: 'Failed' }, running), [aWorker('one', { isGoing: true })]),
    actions: ['status '],
  },
  {
    it: 'fails at once on an exit code that it is told of',
    given: snapshotOf(aJob(failsOn42, running), [failed('one', { status: exit(42) })]),
    actions: ['status uncounted one, FailureTarget PodFailurePolicy', 'let go one'],
  },
  {
    it: 'gives each pod of an indexed Job its index',
    given: snapshotOf(indexed(), []),
    actions: ['create index 0', 'create index 1', 'status active 2'],
  },
  {
    it: 'goes on with the next index that is not done',
    given: snapshotOf(indexed({}, running), [aWorker('b', { index: 1 }), succeeded('a', { index: 0 })]),
    actions: ['create index 2', 'status active 2, succeeded 1, completed 0', 'let go a'],
  },
  {
    it: 'repeats an index that failed',
    given: snapshotOf(indexed({}, running), [aWorker('b', { index: 1 }), failed('a', { index: 0 })]),
    actions: ['create index 0', 'status active 2, uncounted a', 'let go a'],
  },
  {
    it: 'gives up all but one pod of an index',
    given: snapshotOf(indexed({}, { ...running, active: 2 }), [aWorker('a', { index: 0 }), aWorker('b', { index: 0 })]),
    actions: ['status active 1', 'let go a', 'delete a'],
  },
  {
    it: 'keeps a failed pod of an index until the next one knows of it',
    given: snapshotOf(indexed({ backoffLimitPerIndex: 1, parallelism: 1 }, { ...running, failedIndexes: '' }), [
      failed('a', { index: 0, failures: 0 }),
    ]),
    actions: ['create index 0 after 1'],
  },
  {
    it: 'gives up an index that failed too often',
    given: snapshotOf(indexed({ backoffLimitPerIndex: 1, parallelism: 1 }, running), [failed('a', { index: 0, failures: 1 })]),
    actions: ['create index 1 after 0', 'status active 1, failedIndexes 0, uncounted a', 'let go a'],
  },
  {
    it: 'has failed when an index was given up and the others are done',
    given: snapshotOf(indexed({ backoffLimitPerIndex: 0 }, { ...started, completedIndexes: '1,2', succeeded: 2 }), [
      failed('a', { index: 0 }),
    ]),
    actions: ['status succeeded 2, completed 1,2, failedIndexes 0, uncounted a, FailureTarget FailedIndexes', 'let go a'],
  },
  {
    it: 'succeeds early by its success policy, and lets the others go uncounted',
    given: snapshotOf(indexed({ successPolicy: { rules: [{ succeededIndexes: '0' }] } }, running), [
      succeeded('a', { index: 0 }),
      aWorker('b', { index: 1 }),
    ]),
    actions: ['status succeeded 1, completed 0, SuccessCriteriaMet SuccessPolicy', 'let go a', 'let go b', 'delete b'],
  },
  {
    it: 'lets all its pods go while it is being deleted',
    given: snapshotOf(goingJob(aJob({}, running)), [aWorker('one')]),
    actions: ['let go one'],
  },
  { it: 'makes no pods in a namespace that is being deleted', given: snapshotOf(aJob({}, started), [], { mayCreate: false }), actions: [] },
  { it: 'adopts a pod that matches', given: snapshotOf(aJob({}, started), [aPod('orphan')]), actions: ['patch pods orphan'] },
];
for (const { it, given, actions } of cases) {
  test(`a Job ${it}`, () => assert.deepEqual(describeJobActions(given), actions));
}

function withoutCompletions(spec: Partial<Job['spec']>): Job {
  const { completions: _none, ...rest } = aJob(spec, { ...running, active: 2 }).spec;
  return { ...aJob({}, running), spec: rest };
}

const isPod = (object: object): object is Pod => 'kind' in object && object.kind === 'Pod';
const isJob = (object: object): object is Job => 'kind' in object && object.kind === 'Job';

function describeJobActions(given: JobSnapshot): readonly string[] {
  return reconcileJob(given).map((action) => {
    if (action.verb === 'create' && isPod(action.object)) return `create${describePlace(action.object)}`;
    if (action.verb === 'updateStatus' && isJob(action.object)) return `status ${describeStatus(action.object.status)}`;
    if (action.verb === 'delete') return `delete ${action.key.name}`;
    if (action.verb === 'event') return action.message;
    if (action.verb === 'patch' && action.isIndependent) return `let go ${action.key.name}`;
    return describeActions([action]).join();
  });
}

function describePlace({ metadata: { annotations = {} } }: { readonly metadata: Pick<Partial<Pod['metadata']>, 'annotations'> }): string {
  const failures = annotations['batch.kubernetes.io/job-index-failure-count'];
  const index = annotations[INDEX_ANNOTATION];
  return `${index === undefined ? '' : ` index ${index}`}${failures === undefined ? '' : ` after ${failures}`}`;
}

/** What is not nothing, and the conditions that are true. */
function describeStatus(status: JobStatus = {}): string {
  const { uncountedTerminatedPods: { succeeded: ended = [], failed: broken = [] } = {}, conditions = [] } = status;
  const uncounted = [...ended, ...broken].map((uid) => uid.replace('uid-', '')).join(' ');
  const said = {
    active: status.active,
    succeeded: status.succeeded,
    failed: status.failed,
    completed: status.completedIndexes,
    failedIndexes: status.failedIndexes,
    uncounted,
  };
  const facts = Object.entries(said).filter(([, value]) => Boolean(value));
  const holding = conditions.filter((held) => held.status === 'True').map(({ type, reason }) => `${type} ${reason}`);
  return [...facts.map(([name, value]) => `${name} ${value}`), ...holding].join(', ');
}

test('a pod is made from the template, tracked, and tells its containers their index', () => {
  const [first] = reconcileJob(snapshotOf(indexed(), []));
  assert.ok(first?.verb === 'create' && isPod(first.object));
  const { metadata, spec } = first.object;
  assert.deepEqual([metadata.name, metadata.generateName, spec.hostname], ['work-0-x0', 'work-0-', 'work-0']);
  assert.deepEqual([metadata.finalizers, metadata.labels], [[TRACKING_FINALIZER], { app: 'web', [INDEX_ANNOTATION]: '0' }]);
  assert.deepEqual(spec.containers[0]?.env, [
    { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX_ANNOTATION}']` } } },
  ]);
  assert.deepEqual(announcements([first]), ['Created pod: {name}']);
});

test('a new Job gets its start time, a complete one its completion time', () => {
  const statusOf = (given: JobSnapshot) =>
    reconcileJob(given).flatMap((action) => (action.verb === 'updateStatus' && isJob(action.object) ? [action.object.status] : []))[0];
  const now = formatTime(NOW_MS);
  assert.deepEqual(statusOf(snapshotOf(aJob(), [])), {
    active: 1,
    ready: 0,
    terminating: 0,
    startTime: now,
    uncountedTerminatedPods: {},
  });
  const done = statusOf(snapshotOf(aJob({}, { ...started, succeeded: 1, conditions: [reached] }), []));
  assert.equal(done?.completionTime, now);
  assert.equal(findCondition(done?.conditions, 'Complete')?.message, 'Reached expected number of succeeded pods');
});

test('a failure is matched by the first rule that applies', () => {
  const job = aJob({
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'NotIn', values: [1, 2] } },
      ],
    },
  });
  assert.deepEqual(matchFailure(job, failed('p', { status: exit(1) })), { action: 'Count', message: '' });
  assert.deepEqual(matchFailure(job, failed('p', { status: exit(3) })), {
    action: 'FailJob',
    message: 'Container main for pod default/p failed with exit code 3 matching FailJob rule at index 1',
  });
  const disrupted = failed('p', { status: { conditions: [{ type: 'DisruptionTarget', status: 'True' }] } });
  assert.equal(matchFailure(job, disrupted).action, 'Ignore');
});

test('a pod is let go when its Job is gone or over', () => {
  const pod = succeeded('one');
  assert.deepEqual(describeActions(reconcileTrackedPod({ pod, job: aJob({}, running) })), []);
  assert.deepEqual(describeActions(reconcileTrackedPod({ pod, job: undefined })), ['patch pods one']);
  const over = aJob({}, { ...started, conditions: [condition('Failed', 'DeadlineExceeded', '')] });
  assert.deepEqual(describeActions(reconcileTrackedPod({ pod, job: over })), ['patch pods one']);
});

test('index sets are what the list of their members says', () => {
  const members = fc.uniqueArray(fc.integer({ min: 0, max: 40 }));
  fc.assert(
    fc.property(members, members, (one, other) => {
      const set = withIndexes([], one);
      assert.deepEqual(parseIndexes(formatIndexes(set), 41), set);
      assert.equal(countIndexes(set), one.length);
      assert.ok(one.every((index) => hasIndex(set, index)));
      assert.deepEqual(withIndexes(set, other), withIndexes([], [...other, ...one]));
      assert.equal(countShared(set, withIndexes([], other)), new Set(one).intersection(new Set(other)).size);
      const missing = Array.from({ length: 41 }, (_, index) => index).filter((index) => !one.includes(index));
      assert.deepEqual(firstMissing(set, 7, 41), missing.slice(0, 7));
    }),
  );
});

test('index sets are written as upstream writes them', () => {
  assert.equal(formatIndexes(withIndexes([], [1, 3, 4, 6, 7, 8])), '1,3,4,6-8');
  assert.deepEqual(parseIndexes('1,3-5,7', 5), [
    [1, 1],
    [3, 4],
  ]);
});
