/** The conditions a pod shows, and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodCondition } from '#api/generated/types.ts';
import type { PodSnapshot } from './pod-snapshot.ts';
import { buildPodStatus } from './pod-status.ts';
import { aRuntimeContainer, aSnapshot, aWiredSnapshot, exited, NOW_MS } from './testing/pod-snapshots.ts';

function conditionsOf(snapshot: PodSnapshot): readonly string[] {
  return (buildPodStatus(snapshot).conditions ?? []).map(({ type, status, reason = '', message = '' }) =>
    [`${type}=${status}`, reason, message].filter((word) => word !== '').join(' '),
  );
}

const gate = (status: string): PodCondition => ({ type: 'example.com/lit', status, lastTransitionTime: '2026-01-01T00:00:00Z' });
const runs = [aRuntimeContainer('web')];
const gated = { readinessGates: [{ conditionType: 'example.com/lit' }] };

test('a pod that has just come has nothing but its place', () => {
  assert.deepEqual(conditionsOf(aSnapshot()), [
    'PodReadyToStartContainers=False',
    'Initialized=True',
    'Ready=False ContainersNotReady containers with unready status: [web]',
    'ContainersReady=False ContainersNotReady containers with unready status: [web]',
    'PodScheduled=True',
  ]);
});

test('a readiness gate that nobody has spoken of keeps a pod from being ready', () => {
  const [, , ready, containersReady] = conditionsOf(aWiredSnapshot({ spec: gated, containers: runs }));
  assert.equal(ready, 'Ready=False ReadinessGatesNotReady corresponding condition of pod readiness gate "example.com/lit" does not exist.');
  assert.equal(containersReady, 'ContainersReady=True');
});

test('a readiness gate that is closed says what it is', () => {
  const [, , ready] = conditionsOf(aWiredSnapshot({ spec: gated, containers: runs, status: { conditions: [gate('Unknown')] } }));
  assert.equal(ready, 'Ready=False ReadinessGatesNotReady the status of pod readiness gate "example.com/lit" is not "True", but Unknown');
});

test('a pod is ready once its gate opens', () => {
  const [, , ready] = conditionsOf(aWiredSnapshot({ spec: gated, containers: runs, status: { conditions: [gate('True')] } }));
  assert.equal(ready, 'Ready=True');
});

test('a pod waits for the first init container that has not done its work', () => {
  const initContainers = [
    { name: 'one', image: 'web:v1' },
    { name: 'two', image: 'web:v1' },
  ];
  const containers = [aRuntimeContainer('one', exited(0)), aRuntimeContainer('two')];
  const [, initialized] = conditionsOf(aWiredSnapshot({ spec: { initContainers }, containers }));
  assert.equal(initialized, 'Initialized=False ContainersNotInitialized containers with incomplete status: [two]');
});

test('a pod that has done its work is complete', () => {
  const containers = [aRuntimeContainer('web', exited(0))];
  assert.deepEqual(conditionsOf(aSnapshot({ spec: { restartPolicy: 'Never' }, containers })).slice(1, 4), [
    'Initialized=True PodCompleted',
    'Ready=False PodCompleted',
    'ContainersReady=False PodCompleted',
  ]);
});

test('a pod that has failed is not ready for that reason', () => {
  const containers = [aRuntimeContainer('web', exited(1))];
  const [, , ready] = conditionsOf(aSnapshot({ spec: { restartPolicy: 'Never' }, containers }));
  assert.equal(ready, 'Ready=False PodFailed');
});

test('every condition tells which generation of the pod it speaks of, and since when it is so', () => {
  const before = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:01:00Z' };
  const { conditions = [] } = buildPodStatus(aWiredSnapshot({ containers: runs, status: { conditions: [before] } }));
  assert.ok(conditions.every(({ observedGeneration }) => observedGeneration === 1));
  assert.equal(conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime, '2026-01-01T00:01:00Z');
  assert.equal(
    conditions.find(({ type }) => type === 'Initialized')?.lastTransitionTime,
    new Date(NOW_MS).toISOString().replace('.000', ''),
  );
});

test('a pod that the node refuses has failed, and nothing of it is shown', () => {
  const spec = { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } };
  const { phase, reason, message, containerStatuses } = buildPodStatus(aSnapshot({ spec }));
  assert.deepEqual([phase, reason, containerStatuses], ['Failed', 'SysctlForbidden', undefined]);
  assert.equal(message, 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted');
});

test('a pod that was refused stays as it was told', () => {
  const spec = { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } };
  const status = buildPodStatus(aSnapshot({ spec }));
  assert.deepEqual(buildPodStatus(aSnapshot({ spec, status })), status);
});
