/** Whether a node has room for a resized pod, what it grants until then, and what events tell of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ResourceRequirements } from '#api/generated/types.ts';
import { parseQuantity } from '#api/meta/quantity.ts';
import { aSnapshot } from '../testing/pod-snapshots.ts';
import { smallest } from './engine-resources.ts';
import { grantedPod, judgeResize, resizeEvents } from './pod-resize.ts';

const allocatable = new Map([
  ['cpu', parseQuantity('2')],
  ['memory', parseQuantity('1Gi')],
]);

const asking = (cpu: string, memory = '100Mi'): ResourceRequirements => ({ requests: { cpu, memory }, limits: { cpu, memory } });

/** A pod that asks for something and was granted something else. */
function aPod(wanted: ResourceRequirements, granted?: ResourceRequirements): Pod {
  const status = { name: 'web', image: '', imageID: '', ready: true, restartCount: 0 };
  const { limits = {}, requests = {} } = granted ?? {};
  return aSnapshot({
    spec: { containers: [{ name: 'web', image: 'web:v1', resources: wanted }] },
    ...(granted === undefined
      ? {}
      : { status: { containerStatuses: [{ ...status, allocatedResources: requests, resources: { limits, requests } }] } }),
  }).pod;
}

const resourcesOf = ({ spec }: Pod) => spec.containers[0]?.resources;

test('a pod that was never looked at is granted what it asks for', () => {
  const pod = aPod(asking('1'));
  assert.deepEqual(
    judgeResize(pod, () => [], allocatable),
    { granted: pod, pending: undefined },
  );
});

test('a pod that has what it asks for, in other words, is not resized', () => {
  const pod = aPod(asking('1'), asking('1000m', '102400Ki'));
  assert.equal(grantedPod(pod), pod);
});

test('a resize that fits is granted', () => {
  const pod = aPod(asking('1500m'), asking('1'));
  assert.deepEqual(
    judgeResize(pod, () => [], allocatable),
    { granted: pod, pending: undefined },
  );
});

test('a resize that the node has no room for now is deferred, and the pod keeps what it has', () => {
  const { granted, pending } = judgeResize(aPod(asking('1500m'), asking('1')), () => [aPod(asking('800m'))], allocatable);
  assert.deepEqual(resourcesOf(granted), asking('1'));
  assert.deepEqual(pending, {
    reason: 'Deferred',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 800, capacity: 2000",
  });
});

test('what others wait for takes no room yet', () => {
  const { pending } = judgeResize(aPod(asking('1500m'), asking('1')), () => [aPod(asking('1'), asking('500m'))], allocatable);
  assert.equal(pending, undefined);
});

test('a resize beyond the node is infeasible', () => {
  const { pending } = judgeResize(aPod(asking('1', '2Gi'), asking('1')), () => [], allocatable);
  assert.deepEqual(pending, {
    reason: 'Infeasible',
    message: "Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824",
  });
});

test('what cannot be resized is the spec’s', () => {
  const wanted = { requests: { cpu: '3', 'example.com/gpu': '1' } };
  const { granted } = judgeResize(aPod(wanted, { requests: { cpu: '1' } }), () => [], allocatable);
  assert.deepEqual(resourcesOf(granted)?.requests, { 'example.com/gpu': '1', cpu: '1' });
});

test('events tell when a resize begins, ends, waits and fails, each once', () => {
  const pod = aPod(asking('1'));
  const inProgress = { type: 'PodResizeInProgress', status: 'True' };
  const reasonsOf = (before: object[], after: object[]) =>
    resizeEvents({ ...pod, status: { conditions: before.map(asCondition) } }, { conditions: after.map(asCondition) }).map(
      ({ reason }) => reason,
    );
  const asCondition = (condition: object) => ({ type: '', status: 'True', ...condition });
  const deferred = { type: 'PodResizePending', reason: 'Deferred', message: 'no room' };
  const failed = { ...inProgress, reason: 'Error', message: 'busy' };
  assert.deepEqual(reasonsOf([], [inProgress]), ['ResizeStarted']);
  assert.deepEqual(reasonsOf([inProgress], [inProgress]), []);
  assert.deepEqual(reasonsOf([inProgress], []), ['ResizeCompleted']);
  assert.deepEqual(reasonsOf([], [deferred]), ['ResizeDeferred']);
  assert.deepEqual(reasonsOf([deferred], [deferred]), []);
  assert.deepEqual(reasonsOf([deferred], [{ ...deferred, reason: 'Infeasible' }]), ['ResizeInfeasible']);
  assert.deepEqual(reasonsOf([inProgress], [failed]), ['ResizeError']);
  const [event] = resizeEvents(pod, { conditions: [inProgress] });
  const resources = '{"requests":{"cpu":"1","memory":"100Mi"},"limits":{"cpu":"1","memory":"100Mi"}}';
  assert.equal(event?.message, `Pod resize started: {"containers":[{"name":"web","resources":${resources}}],"generation":1}`);
});

test('on the way from one limit to another a container is never above either', () => {
  const before = { cpuShares: 100, cpuQuotaMicros: 50_000 };
  assert.deepEqual(smallest(before, { cpuShares: 200, cpuQuotaMicros: 20_000, memoryBytesMax: 10 }), {
    cpuShares: 200,
    cpuQuotaMicros: 20_000,
    memoryBytesMax: 10,
  });
  assert.equal(smallest(before, { cpuShares: 200, cpuQuotaMicros: 90_000 }).cpuQuotaMicros, 50_000);
});
