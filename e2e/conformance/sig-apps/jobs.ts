/** Jobs: pods that end well or badly, by index and by policy; and Jobs as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { IDLE_COMMAND } from '../framework/image.ts';
import { aPod, isReady, READINESS } from '../framework/pods.ts';
import { conditionOf, isGoing, isOwnedBy } from '../framework/workloads.ts';

const JOBS = 'batch/v1/jobs';
const INDEX = 'batch.kubernetes.io/job-completion-index';
/** Ends well if the index is even. */
const ODD_FAILS = 'exit $((JOB_COMPLETION_INDEX % 2))';
/** Ends well if the index is 0, else never. */
const FIRST_SUCCEEDS = '[ $JOB_COMPLETION_INDEX = 0 ] && exit 0; trap "exit 0" TERM; sleep 3600 & wait';

interface JobOptions {
  /** A shell's; the idle program if absent. */
  readonly script?: string;
  readonly spec: Json;
  readonly podSpec?: Json;
  readonly container?: Json;
  readonly metadata?: Json;
}

function aJob(name: string, { script, spec, podSpec = {}, container = {}, metadata = {} }: JobOptions): Json {
  const command = script === undefined ? [...IDLE_COMMAND] : ['sh', '-c', script];
  const pod = aPod('', { container: { command, ...container }, spec: { restartPolicy: 'Never', ...podSpec } });
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, ...metadata }, spec: { template: { spec: pod.spec }, ...spec } };
}

const jobPods = (name: string) => ({ labelSelector: `job-name=${name}` });

/** The Job as soon as it has this condition; its reason is checked if one is given. */
async function untilCondition(t: TestScope, name: string, type: string, reason?: string): Promise<Json> {
  const job = await t.resource(JOBS).until(name, `${name} is ${type}`, (found) => conditionOf(found, type)?.status === 'True' && found);
  if (reason !== undefined) assert.equal(conditionOf(job, type)?.reason, reason, JSON.stringify(job.status.conditions));
  return job;
}

/** Waits until so many pods of the Job run; gives them. */
function untilPodsRun(t: TestScope, job: Json, count: number): Promise<readonly Json[]> {
  return t
    .resource('v1/pods')
    .untilAll(jobPods(job.metadata.name), `${count} pods run`, (pods) => pods.length === count && pods.every(isReady) && pods);
}

async function indexes(t: TestScope): Promise<void> {
  const job = aJob('indexed-job', {
    script: 'echo $JOB_COMPLETION_INDEX',
    spec: { completionMode: 'Indexed', parallelism: 2, completions: 4 },
  });
  await t.resource(JOBS).create(job);
  const { status } = await untilCondition(t, 'indexed-job', 'Complete');
  assert.deepEqual([status.succeeded, status.completedIndexes], [4, '0-3']);
  const pods: readonly Json[] = (await t.resource('v1/pods').list(jobPods('indexed-job'))).items;
  const seen = await Promise.all(
    pods.map(async ({ metadata, spec }) => {
      const index = metadata.annotations[INDEX];
      assert.equal(metadata.labels[INDEX], index);
      assert.equal(spec.hostname, `indexed-job-${index}`);
      assert.equal((await t.kubectl(['logs', metadata.name])).trim(), index, 'the environment tells the index');
      return index;
    }),
  );
  assert.deepEqual(seen.sort(), ['0', '1', '2', '3']);
}

async function restartsLocally(t: TestScope): Promise<void> {
  const script = 'if [ -r /data/failed-once ]; then exit 0; fi; touch /data/failed-once; exit 1';
  const podSpec = { restartPolicy: 'OnFailure', volumes: [{ name: 'data', emptyDir: {} }] };
  const container = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  await t.resource(JOBS).create(aJob('fail-once-local', { script, podSpec, container, spec: { parallelism: 2, completions: 4 } }));
  const { status } = await untilCondition(t, 'fail-once-local', 'Complete');
  assert.equal(status.succeeded, 4);
  const pods: readonly Json[] = (await t.resource('v1/pods').list(jobPods('fail-once-local'))).items;
  assert.deepEqual(
    pods.map((pod) => pod.status.containerStatuses[0].restartCount),
    [1, 1, 1, 1],
  );
}

async function deletes(t: TestScope): Promise<void> {
  const jobs = t.resource(JOBS);
  const job = await jobs.create(aJob('foo', { spec: { parallelism: 2, completions: 4 } }));
  await untilPodsRun(t, job, 2);
  await jobs.until('foo', 'its status tells of the pods', (found) => found?.status.active === 2);
  await jobs.delete('foo', { propagationPolicy: 'Background' });
  await jobs.untilGone('foo');
  await expectRefusal(jobs.get('foo'), { reason: 'NotFound' });
  await t.resource('v1/pods').untilAll(jobPods('foo'), 'its pods are gone', (pods) => pods.length === 0);
}

async function adoptsAndReleases(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const job = await t.resource(JOBS).create(aJob('adopt-release', { spec: { parallelism: 2, completions: 4 } }));
  const [first, second] = await untilPodsRun(t, job, 2);
  await pods.change(first.metadata.name, (pod) => {
    pod.metadata.ownerReferences = [];
  });
  await pods.until(first.metadata.name, 'the orphan is adopted again', (pod) => pod !== undefined && isOwnedBy(pod, job));
  await pods.change(second.metadata.name, (pod) => {
    pod.metadata.labels = {};
  });
  await pods.until(second.metadata.name, 'the pod is released', (pod) => pod !== undefined && !isOwnedBy(pod, job));
}

async function failsByExitCode(t: TestScope): Promise<void> {
  const script = '[ $JOB_COMPLETION_INDEX = 0 ] && exit 42; trap "exit 0" TERM; sleep 3600 & wait';
  const onExitCodes = { containerName: 'main', operator: 'In', values: [42] };
  const spec = {
    completionMode: 'Indexed',
    parallelism: 2,
    completions: 4,
    backoffLimit: 6,
    podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes }] },
  };
  await t.resource(JOBS).create(aJob('pod-failure-failjob', { script, spec }));
  const { status } = await untilCondition(t, 'pod-failure-failjob', 'Failed', 'PodFailurePolicy');
  assert.match(conditionOf({ status }, 'Failed')?.message, /exit code 42 matching FailJob rule at index 0/);
  assert.equal(status.succeeded ?? 0, 0);
}

/** The marker is on the node: what comes after an eviction, as another pod, finds it there, takes it away and ends well. */
async function ignoresDisruption(t: TestScope): Promise<void> {
  const marker = `/data/keelson-conformance-${t.suffix}-$JOB_COMPLETION_INDEX`;
  const script = `if [ -f ${marker} ]; then rm ${marker}; exit 0; fi; touch ${marker}; trap "exit 1" TERM; sleep 3600 & wait`;
  const [node] = (await t.resource('v1/nodes', '').list()).items.filter(({ spec }: Json) => spec.taints === undefined);
  const podSpec = { nodeName: node.metadata.name, volumes: [{ name: 'data', hostPath: { path: '/tmp' } }] };
  const readinessProbe = { ...READINESS, exec: { command: ['sh', '-c', `test -f ${marker}`] } };
  const container = { volumeMounts: [{ name: 'data', mountPath: '/data' }], readinessProbe };
  const onPodConditions = [{ type: 'DisruptionTarget', status: 'True' }];
  const rules = [
    { action: 'Ignore', onPodConditions },
    { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
  ];
  const spec = { completionMode: 'Indexed', parallelism: 2, completions: 2, backoffLimit: 0, podFailurePolicy: { rules } };
  const job = await t.resource(JOBS).create(aJob('pod-failure-ignore', { script, podSpec, container, spec }));
  const pods = t.resource('v1/pods');
  const watch = await pods.watch(jobPods('pod-failure-ignore'));
  for (const { metadata } of await untilPodsRun(t, job, 2)) {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name, namespace: t.namespace } };
    await t.cluster.request({ method: 'POST', path: `${pods.path}/${metadata.name}/eviction`, body: eviction });
    await watch.until('the disruption is told', ({ object }) => {
      return object.metadata.uid === metadata.uid && conditionOf(object, 'DisruptionTarget')?.status === 'True' && isGoing(object);
    });
  }
  const { status } = await untilCondition(t, 'pod-failure-ignore', 'Complete');
  assert.deepEqual([status.succeeded, status.failed ?? 0], [2, 0]);
}

async function countsFailuresByIndex(t: TestScope): Promise<void> {
  const spec = { completionMode: 'Indexed', parallelism: 2, completions: 4, backoffLimitPerIndex: 1 };
  await t.resource(JOBS).create(aJob('backofflimitperindex', { script: ODD_FAILS, spec }));
  const { status } = await untilCondition(t, 'backofflimitperindex', 'Failed', 'FailedIndexes');
  assert.deepEqual([status.failedIndexes, status.completedIndexes], ['1,3', '0,2']);
  assert.deepEqual([status.failed, status.succeeded], [4, 2], 'each failing index was tried twice');
}

async function failsIndexAtOnce(t: TestScope): Promise<void> {
  const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }];
  const spec = { completionMode: 'Indexed', parallelism: 2, completions: 4, backoffLimitPerIndex: 1, podFailurePolicy: { rules } };
  await t.resource(JOBS).create(aJob('failindex-action', { script: ODD_FAILS, spec }));
  const { status } = await untilCondition(t, 'failindex-action', 'Failed', 'FailedIndexes');
  assert.deepEqual([status.failedIndexes, status.completedIndexes], ['1,3', '0,2']);
  assert.deepEqual([status.failed, status.succeeded], [2, 2], 'no failing index was tried again');
}

async function stopsAtFailedIndexes(t: TestScope): Promise<void> {
  const spec = { completionMode: 'Indexed', parallelism: 1, completions: 4, backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
  await t.resource(JOBS).create(aJob('max-failed-indexes', { script: 'exit 1', spec }));
  const { status } = await untilCondition(t, 'max-failed-indexes', 'Failed', 'MaxFailedIndexesExceeded');
  assert.deepEqual([status.failedIndexes, status.completedIndexes ?? '', status.failed], ['0,1', '', 2]);
}

interface SuccessCase {
  readonly name: string;
  readonly script: string;
  readonly parallelism: number;
  readonly completions: number;
  readonly rule: Json;
  readonly succeeded: number;
  readonly completedIndexes: string;
}

const succeedsByPolicy =
  ({ name, script, parallelism, completions, rule, succeeded, completedIndexes }: SuccessCase) =>
  async (t: TestScope) => {
    const jobs = t.resource(JOBS);
    const watch = await jobs.watch({ fieldSelector: `metadata.name=${name}` });
    const spec = { completionMode: 'Indexed', parallelism, completions, successPolicy: { rules: [rule] } };
    await jobs.create(aJob(name, { script, spec }));
    const { object } = await watch.until(
      'the criteria are met',
      (event) => conditionOf(event.object, 'SuccessCriteriaMet') !== undefined,
      120_000,
    );
    assert.deepEqual(
      [conditionOf(object, 'SuccessCriteriaMet')?.status, conditionOf(object, 'SuccessCriteriaMet')?.reason],
      ['True', 'SuccessPolicy'],
    );
    const { status } = await untilCondition(t, name, 'Complete', 'SuccessPolicy');
    assert.deepEqual(
      [status.succeeded, status.completedIndexes, status.active ?? 0, status.ready ?? 0],
      [succeeded, completedIndexes, 0, 0],
    );
    await t
      .resource('v1/pods')
      .untilAll(jobPods(name), 'no pod runs any more', (pods) => pods.every((pod) => pod.status.phase !== 'Running'));
  };

async function changesStatus(t: TestScope): Promise<void> {
  const jobs = t.resource(JOBS);
  const job = await jobs.create(aJob('e2e-job', { spec: { parallelism: 2, completions: 4 } }));
  await untilPodsRun(t, job, 2);
  await jobs.until('e2e-job', 'the pods are counted', (found) => found?.status.active === 2 && found?.status.ready === 2);
  const custom = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set from e2e test' });
  const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions: [custom('CustomConditionType')] } };
  const patched = await jobs.patch('e2e-job', body, { subresource: 'status' });
  assert.equal(patched.metadata.annotations?.patchedstatus, 'true');
  assert.equal(conditionOf(patched, 'CustomConditionType')?.status, 'True');
  const updated = await jobs.change(
    'e2e-job',
    (found) => {
      found.status.conditions = [...(found.status.conditions ?? []), custom('OtherConditionType')];
    },
    'status',
  );
  assert.equal(conditionOf(updated, 'OtherConditionType')?.status, 'True');
  const read = await jobs.get('e2e-job', 'status');
  for (const type of ['CustomConditionType', 'OtherConditionType']) assert.equal(conditionOf(read, type)?.status, 'True');
  assert.equal(read.metadata.annotations.patchedstatus, 'true');
}

async function lives(t: TestScope): Promise<void> {
  const jobs = t.resource(JOBS);
  const labelSelector = `e2e-job=${t.suffix}`;
  const watch = await jobs.watch({ labelSelector });
  const metadata = { labels: { 'e2e-job': t.suffix } };
  await jobs.create(aJob('e2e-job', { script: 'exit 0', spec: { suspend: true, parallelism: 1, completions: 1 }, metadata }));
  await watch.expect('ADDED', 'the Job is created');
  await untilCondition(t, 'e2e-job', 'Suspended');
  assert.equal((await t.resource('v1/pods').list(jobPods('e2e-job'))).items.length, 0);
  const patched = await jobs.patch('e2e-job', { metadata: { labels: { patched: 'true' } } }, { type: 'strategic' });
  assert.equal(patched.metadata.labels.patched, 'true');
  await watch.until('the label is told', ({ type, object }) => type === 'MODIFIED' && object.metadata.labels.patched === 'true');
  const updated = await jobs.change('e2e-job', (job) => {
    job.metadata.annotations = { ...job.metadata.annotations, updated: 'true' };
    job.spec.suspend = false;
  });
  assert.equal(updated.metadata.annotations.updated, 'true');
  await watch.until('the annotation is told', ({ type, object }) => type === 'MODIFIED' && object.metadata.annotations?.updated === 'true');
  await untilCondition(t, 'e2e-job', 'Complete');
  const all = await t.resource(JOBS, '').list({ labelSelector });
  assert.deepEqual(
    all.items.map((job: Json) => [job.metadata.namespace, job.metadata.name]),
    [[t.namespace, 'e2e-job']],
  );
  await jobs.deleteCollection({ labelSelector }, { propagationPolicy: 'Background' });
  await watch.until('the deletion is told', ({ type }) => type === 'DELETED');
  assert.deepEqual((await jobs.list({ labelSelector })).items, []);
}

const PREFIX = '[sig-apps] Job';
const pending = { script: FIRST_SUCCEEDS, parallelism: 2, completions: 5, succeeded: 1, completedIndexes: '0' };

export const jobTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should adopt matching orphans and release non-matching pods [Conformance]`, run: adoptsAndReleases },
  {
    name: `${PREFIX} should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition [Conformance]`,
    run: ignoresDisruption,
  },
  { name: `${PREFIX} should allow to use the pod failure policy on exit code to fail the job early [Conformance]`, run: failsByExitCode },
  { name: `${PREFIX} should apply changes to a job status [Conformance]`, run: changesStatus },
  { name: `${PREFIX} should create pods for an Indexed job with completion indexes and specified hostname [Conformance]`, run: indexes },
  { name: `${PREFIX} should delete a job [Conformance]`, run: deletes },
  {
    name: `${PREFIX} should execute all indexes despite some failing when using backoffLimitPerIndex [Conformance]`,
    run: countsFailuresByIndex,
  },
  { name: `${PREFIX} should manage the lifecycle of a job [Conformance]`, run: lives },
  {
    name: `${PREFIX} should mark indexes as failed when the FailIndex action is matched in podFailurePolicy [Conformance]`,
    run: failsIndexAtOnce,
  },
  {
    name: `${PREFIX} should run a job to completion when tasks sometimes fail and are locally restarted [Conformance]`,
    run: restartsLocally,
  },
  {
    name: `${PREFIX} should terminate job execution when the number of failed indexes exceeds maxFailedIndexes [Conformance]`,
    run: stopsAtFailedIndexes,
  },
  {
    name: `${PREFIX} with successPolicy should succeeded when all indexes succeeded [Conformance]`,
    run: succeedsByPolicy({
      name: 'with-successpolicy',
      script: 'exit 0',
      parallelism: 2,
      completions: 2,
      rule: { succeededIndexes: '0-1' },
      succeeded: 2,
      completedIndexes: '0,1',
    }),
  },
  {
    name: `${PREFIX} with successPolicy succeededCount rule should succeeded even when some indexes remain pending [Conformance]`,
    run: succeedsByPolicy({ ...pending, name: 'with-successpolicy-count', rule: { succeededCount: 1 } }),
  },
  {
    name: `${PREFIX} with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending [Conformance]`,
    run: succeedsByPolicy({ ...pending, name: 'with-successpolicy-indexes', rule: { succeededIndexes: '0' } }),
  },
];
