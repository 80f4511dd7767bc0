import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { aPod, NOW_MS, secondsAgo } from '../testing/builders.ts';
import type { PodReadings } from './pod-usage.ts';
import { countByAverage, countByShare, countByTotal, countByUtilization, type ReplicaContext } from './replica-count.ts';

interface PodShape {
  readonly phase?: string;
  readonly isReady?: boolean;
  /** Seconds since it started, and since its readiness changed. */
  readonly age?: number;
  readonly changed?: number;
  readonly request?: string;
  readonly isGoing?: boolean;
}

function pod(name: string, shape: PodShape = {}): Pod {
  const { phase = 'Running', isReady = true, age = 3_600, changed = 3_500, request = '1', isGoing = false } = shape;
  const made = aPod(name, {
    phase,
    ...(isGoing ? { metadata: { deletionTimestamp: secondsAgo(1) } } : {}),
    spec: { containers: [{ name: 'web', image: 'web', resources: { requests: { cpu: request } } }] },
  });
  const ready = { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: secondsAgo(changed) };
  return { ...made, status: { phase, startTime: secondsAgo(age), conditions: [ready] } };
}

function readings(...millis: readonly number[]): PodReadings {
  return new Map(millis.map((milli, index) => [`p${index}`, { milli, atMs: NOW_MS - 10_000, windowMs: 60_000 }]));
}

function context(pods: readonly Pod[], more: Partial<ReplicaContext> = {}): ReplicaContext {
  const count = pods.length;
  return { specReplicas: count, statusReplicas: count, pods, tolerance: { up: 0.1, down: 0.1 }, nowMs: NOW_MS, ...more };
}

const three = ['p0', 'p1', 'p2'].map((name) => pod(name));
const unready = { isReady: false, age: 100, changed: 100 };

const utilizations = [
  { it: 'scales up in proportion', pods: three, readings: readings(300, 500, 700), target: 30, replicas: 5 },
  { it: 'scales down in proportion', pods: three, readings: readings(100, 200, 300), target: 50, replicas: 2 },
  { it: 'leaves a difference within a tenth', pods: three, readings: readings(520, 540, 550), target: 50, replicas: 3 },
  {
    it: 'counts pods that start as using nothing when scaling up',
    pods: [pod('p0', unready), pod('p1'), pod('p2')],
    readings: readings(100, 500, 700),
    target: 30,
    replicas: 4,
  },
  {
    it: 'does not turn around for pods that start',
    pods: [pod('p0', unready), pod('p1', { phase: 'Pending' }), pod('p2')],
    readings: readings(100, 500, 400),
    target: 30,
    replicas: 3,
  },
  { it: 'counts a missing pod as busy when scaling down', pods: three, readings: readings(200, 200), target: 90, replicas: 2 },
  { it: 'counts a missing pod as idle when scaling up', pods: three, readings: readings(900, 900), target: 50, replicas: 4 },
  {
    it: 'leaves out pods that failed or are going',
    pods: [...three, pod('p3', { phase: 'Failed' }), pod('p4', { isGoing: true })],
    readings: readings(500, 500, 500, 9_000, 9_000),
    target: 25,
    replicas: 6,
  },
  {
    it: 'believes an unready pod that was ready once',
    pods: [pod('p0', { isReady: false, age: 3_600, changed: 60 }), pod('p1'), pod('p2')],
    readings: readings(500, 500, 500),
    target: 25,
    replicas: 6,
  },
] as const;
for (const { it, pods, readings: read, target, replicas } of utilizations) {
  test(`a utilization ${it}`, () => {
    const count = countByUtilization(read, target, { resource: 'cpu' }, context(pods));
    assert.equal('problem' in count ? count.problem : count.replicas, replicas);
  });
}

test('a utilization tells the share and the average that was used', () => {
  const count = countByUtilization(readings(300, 500, 700), 30, { resource: 'cpu' }, context(three));
  assert.deepEqual(count, { replicas: 5, milli: 500, utilization: 50 });
});

const problems = [
  { it: 'no pods', pods: [], readings: readings(1), problem: 'no pods returned by selector while calculating replica count' },
  { it: 'no figures', pods: three, readings: readings(), problem: 'did not receive metrics for any ready pods' },
  {
    it: 'a container that asks for nothing',
    pods: [aPod('p0')],
    readings: readings(1),
    problem: 'missing request for cpu in container web of Pod p0',
  },
] as const;
for (const { it, pods, readings: read, problem } of problems) {
  test(`a utilization cannot be told with ${it}`, () => {
    assert.deepEqual(countByUtilization(read, 50, { resource: 'cpu' }, context(pods)), { problem });
  });
}

test('a tolerance of its own counts in its direction only', () => {
  const tolerance = { up: 0, down: 0.5 };
  const up = countByAverage(readings(105, 105, 105), 100, undefined, context(three, { tolerance }));
  const down = countByAverage(readings(60, 60, 60), 100, undefined, context(three, { tolerance }));
  assert.deepEqual(
    [up, down],
    [
      { replicas: 4, milli: 105 },
      { replicas: 3, milli: 60 },
    ],
  );
});

test('a whole is held against the pods that are ready, and scales up from nothing', () => {
  const half = [pod('p0'), pod('p1', { isReady: false }), pod('p2')];
  assert.deepEqual(countByTotal(40_000, 20_000, context(half)), { replicas: 4, milli: 40_000 });
  assert.deepEqual(countByTotal(45_000, 20_000, context([], { specReplicas: 0 })), { replicas: 3, milli: 45_000 });
});

test('a share of a whole needs no pods', () => {
  assert.deepEqual(countByShare(8_600, 2_000, context([], { statusReplicas: 3 })), { replicas: 5, milli: 2_867 });
  assert.deepEqual(countByShare(6_100, 2_000, context([], { statusReplicas: 3 })), { replicas: 3, milli: 2_034 });
});
