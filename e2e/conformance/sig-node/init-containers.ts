/** Init containers: they run before the pod's own containers, one after the other, and what fails keeps the others from starting. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { WORKLOAD_IMAGE } from '../framework/image.ts';
import { aPod } from '../framework/pods.ts';
import { statusOf } from '../framework/run-pod.ts';

const anInit = (name: string, program: string): Json => ({ name, image: WORKLOAD_IMAGE, command: [program] });

const conditionOf = ({ status }: Json, type: string): Json | undefined =>
  status.conditions?.find((condition: Json) => condition.type === type);

interface Case {
  readonly restartPolicy: 'Always' | 'Never';
  /** What the two init containers run. */
  readonly programs: readonly [string, string];
  /** What the pod's own container runs, if it is to end. */
  readonly main?: string;
}

/** Reads every change of the pod until `isOver`, and gives the last one. No state may contradict what the init containers say of themselves. */
async function observe(t: TestScope, { restartPolicy, programs, main }: Case, isOver: (pod: Json) => boolean): Promise<Json> {
  const pods = t.resource('v1/pods');
  const initContainers = programs.map((program, index) => anInit(`init${index + 1}`, program));
  const watch = await pods.watch({ fieldSelector: 'metadata.name=initialized' });
  const container = main === undefined ? {} : { command: [main] };
  await pods.create(aPod('initialized', { spec: { restartPolicy, initContainers }, container }));
  const last = await watch.until(
    'the pod gets there',
    ({ object }) => {
      if (object.status.initContainerStatuses !== undefined) expectConsistent(object);
      return isOver(object);
    },
    UNTIL_MS_MAX,
  );
  watch.close();
  return last.object;
}

/** A few restarts, with their back-off. */
const UNTIL_MS_MAX = 150_000;

function expectConsistent(pod: Json): void {
  const isDone = (status: Json) => status.state.terminated?.exitCode === 0;
  const firstOpen = pod.status.initContainerStatuses.findIndex((status: Json) => !isDone(status));
  const isInitialized = firstOpen === -1;
  assert.equal(conditionOf(pod, 'Initialized')?.status, isInitialized ? 'True' : 'False');
  if (isInitialized) return;
  const waiting = [...pod.status.initContainerStatuses.slice(firstOpen + 1), ...(pod.status.containerStatuses ?? [])];
  for (const { name, state, restartCount } of waiting)
    assert.deepEqual([state.waiting?.reason, restartCount], ['PodInitializing', 0], `${name} waits for its turn`);
}

function expectInitialized(pod: Json): void {
  assert.equal(conditionOf(pod, 'Initialized')?.status, 'True');
  assert.deepEqual(
    pod.status.initContainerStatuses.map(({ ready, state }: Json) => [ready, state.terminated?.exitCode]),
    [
      [true, 0],
      [true, 0],
    ],
  );
}

function expectNotInitialized(pod: Json): void {
  const { status, reason, message } = conditionOf(pod, 'Initialized') ?? {};
  assert.deepEqual([status, reason], ['False', 'ContainersNotInitialized']);
  assert.equal(message, 'containers with incomplete status: [init1 init2]');
  assert.equal(pod.status.initContainerStatuses.length, 2);
}

async function invokesOnNever(t: TestScope): Promise<void> {
  const pod = await observe(t, { restartPolicy: 'Never', programs: ['true', 'true'], main: 'true' }, ({ status }) =>
    ['Succeeded', 'Failed'].includes(status.phase),
  );
  assert.equal(pod.status.phase, 'Succeeded');
  expectInitialized(pod);
  assert.equal(statusOf(pod)?.restartCount, 0);
}

async function invokesOnAlways(t: TestScope): Promise<void> {
  const pod = await observe(t, { restartPolicy: 'Always', programs: ['true', 'true'] }, ({ status }) => status.phase === 'Running');
  expectInitialized(pod);
  assert.ok(statusOf(pod)?.state.running, 'the container runs');
}

async function startsNothingOnAlways(t: TestScope): Promise<void> {
  const pod = await observe(
    t,
    { restartPolicy: 'Always', programs: ['false', 'true'] },
    (found) => (statusOf(found, 'init1')?.restartCount ?? 0) >= 3,
  );
  assert.equal(pod.status.phase, 'Pending');
  expectNotInitialized(pod);
}

async function failsOnNever(t: TestScope): Promise<void> {
  const pod = await observe(t, { restartPolicy: 'Never', programs: ['true', 'false'] }, ({ status }) => status.phase === 'Failed');
  const { status, reason, message } = conditionOf(pod, 'Initialized') ?? {};
  assert.deepEqual([status, reason], ['False', 'ContainersNotInitialized']);
  assert.equal(message, 'containers with incomplete status: [init2]');
  assert.equal(statusOf(pod, 'init1')?.state.terminated.exitCode, 0);
  assert.equal(statusOf(pod, 'init2')?.state.terminated.exitCode, 1);
  assert.ok(statusOf(pod)?.state.waiting, 'the container was never started');
}

const PREFIX = '[sig-node] InitContainer should';

export const initContainerTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} invoke init containers on a RestartNever pod [Conformance] [NodeConformance]`, run: invokesOnNever },
  { name: `${PREFIX} invoke init containers on a RestartAlways pod [Conformance] [NodeConformance]`, run: invokesOnAlways },
  {
    name: `${PREFIX} not start app containers if init containers fail on a RestartAlways pod [Conformance] [NodeConformance]`,
    run: startsNothingOnAlways,
  },
  {
    name: `${PREFIX} not start app containers and fail the pod if init containers fail on a RestartNever pod [Conformance] [NodeConformance]`,
    run: failsOnNever,
  },
];
