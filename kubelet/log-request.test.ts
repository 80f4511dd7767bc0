/** What `kubectl logs` may ask for and what it is told when there is nothing to show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from '#api/generated/types.ts';
import { chooseAttempt, parseLogRequest } from './log-request.ts';
import type { ContainerState, RuntimeContainer } from './runtime/container-runtime.ts';

const NOW_MS = 1_000_000;

test('the options of a request are read', () => {
  const query = new URLSearchParams('follow=true&previous=1&timestamps=true&tailLines=5&sinceSeconds=10&limitBytes=100');
  assert.deepEqual(parseLogRequest(query, NOW_MS), {
    isFollowed: true,
    isPrevious: true,
    hasTimestamps: true,
    tailLines: 5,
    limitBytes: 100,
    sinceMs: NOW_MS - 10_000,
  });
});

for (const text of ['tailLines=-1', 'limitBytes=0', 'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z']) {
  test(`${text} is invalid`, () => assert.throws(() => parseLogRequest(new URLSearchParams(text), NOW_MS), { reason: 'Invalid' }));
}

function aPod(status?: Partial<ContainerStatus>): Pod {
  const base = { name: 'web', image: '', imageID: '', ready: false, restartCount: 0 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'web' }] },
    status: { containerStatuses: [{ ...base, ...status }] },
  };
}

function anAttempt(attempt: number, phase: 'created' | 'running' | 'exited'): RuntimeContainer {
  const states: Readonly<Record<typeof phase, ContainerState>> = {
    created: { phase: 'created' },
    running: { phase: 'running', pid: 1, startedAtMs: 1 },
    exited: { phase: 'exited', exitCode: 1, reason: 'Error', message: '', startedAtMs: 1, finishedAtMs: 2 },
  };
  const identity = { podUid: 'u', podNamespace: 'default', podName: 'shop', containerName: 'web', attempt };
  return {
    id: `c${attempt}`,
    identity,
    image: '',
    imageId: '',
    createdAtMs: 0,
    state: states[phase],
    hasTerminal: false,
    closesStdinOnce: false,
    resources: { cpuShares: 2 },
    sandboxId: undefined,
  };
}

test('the newest attempt that has run is shown', () => {
  const attempts = [anAttempt(0, 'exited'), anAttempt(1, 'running')];
  assert.equal(chooseAttempt(aPod(), 'web', attempts, { isPrevious: false }).id, 'c1');
  assert.equal(chooseAttempt(aPod(), 'web', attempts, { isPrevious: true }).id, 'c0');
});

const refusals = [
  {
    it: 'a container that is not there yet',
    status: { state: { waiting: { reason: 'ContainerCreating' } } },
    previous: false,
    message: 'container "web" in pod "shop" is waiting to start: ContainerCreating',
  },
  {
    it: 'an image that cannot be pulled',
    status: { state: { waiting: { reason: 'ImagePullBackOff' } } },
    previous: false,
    message: 'container "web" in pod "shop" is waiting to start: trying and failing to pull image',
  },
  { it: 'an attempt before the first', status: {}, previous: true, message: 'previous terminated container "web" in pod "shop" not found' },
];
for (const { it, status, previous, message } of refusals) {
  test(`${it} has no log`, () => {
    assert.throws(() => chooseAttempt(aPod(status), 'web', [], { isPrevious: previous }), { code: 400, message });
  });
}

test('a container the pod does not have is refused', () => {
  assert.throws(() => chooseAttempt(aPod(), 'nope', [], { isPrevious: false }), { message: 'container nope is not valid for pod shop' });
});
