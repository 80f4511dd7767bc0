/** What a simulated node does with its pods, as time goes by: tables from a pod and a moment to what a kubelet would write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '#api/generated/types.ts';
import type { Action } from '#client/apply-actions.ts';
import { createAddressBook } from './addresses.ts';
import { defaultConduct, type PodConduct, withAnnotations } from './pod-conduct.ts';
import { reconcileSimulatedPod } from './simulated-pod.ts';

const START_MS = Date.UTC(2026, 0, 1);
const container = { name: 'app', image: 'app:v1' };

function aPod(parts: Omit<Partial<Pod>, 'spec'> & { readonly spec?: Partial<PodSpec> } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    ...parts,
    metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1', creationTimestamp: '', ...parts.metadata },
    spec: { nodeName: 'node-1', containers: [container], ...parts.spec },
  };
}

function at(pod: Pod, seconds: number, conduct: Partial<PodConduct> = {}): readonly Action[] {
  const whole = withAnnotations({ ...defaultConduct(pod), ...conduct }, pod);
  return reconcileSimulatedPod({ pod, conduct: whole, nodeIp: '100.64.0.1', freeAddress: '10.244.1.2', nowMs: START_MS + seconds * 1_000 });
}

/** The pod after what was written at each of these moments. */
function live(pod: Pod, moments: readonly number[], conduct: Partial<PodConduct> = {}): Pod {
  let current = pod;
  for (const seconds of moments) {
    const write = at(current, seconds, conduct).find((action) => action.verb === 'updateStatus');
    if (write !== undefined) current = { ...current, ...write.object };
  }
  return current;
}

function summary({ status }: Pod) {
  const [app] = status?.containerStatuses ?? [];
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return {
    phase: status?.phase,
    ready,
    state: Object.keys(app?.state ?? {})[0],
    reason: app?.state?.waiting?.reason,
    restarts: app?.restartCount,
  };
}

const cases = [
  {
    it: 'runs and is ready at once',
    conduct: {},
    moments: [0],
    is: { phase: 'Running', ready: 'True', state: 'running', reason: undefined, restarts: 0 },
  },
  {
    it: 'creates its containers for as long as it is told',
    conduct: { startAfterMs: 3_000 },
    moments: [0, 2],
    is: { phase: 'Pending', ready: 'False', state: 'waiting', reason: 'ContainerCreating', restarts: 0 },
  },
  {
    it: 'runs before it is ready',
    conduct: { readyAfterMs: 5_000 },
    moments: [0, 4],
    is: { phase: 'Running', ready: 'False', state: 'running', reason: undefined, restarts: 0 },
  },
  {
    it: 'is ready after as long as it is told',
    conduct: { readyAfterMs: 5_000 },
    moments: [0, 5],
    is: { phase: 'Running', ready: 'True', state: 'running', reason: undefined, restarts: 0 },
  },
  {
    it: 'is restarted at once when it ends the first time',
    conduct: { exit: { afterMs: 1_000, code: 1 } },
    moments: [0, 1],
    is: { phase: 'Running', ready: 'True', state: 'running', reason: undefined, restarts: 1 },
  },
  {
    it: 'waits ten seconds before the second restart',
    conduct: { exit: { afterMs: 1_000, code: 1 } },
    moments: [0, 1, 2, 11],
    is: { phase: 'Running', ready: 'False', state: 'waiting', reason: 'CrashLoopBackOff', restarts: 1 },
  },
  {
    it: 'catches up when time has jumped: restarts at 1, 12 and 33 s',
    conduct: { exit: { afterMs: 1_000, code: 1 } },
    moments: [0, 33],
    is: { phase: 'Running', ready: 'True', state: 'running', reason: undefined, restarts: 3 },
  },
  {
    it: 'waits for an image that cannot be had',
    conduct: { imageError: 'not found' },
    moments: [0, 60],
    is: { phase: 'Pending', ready: 'False', state: 'waiting', reason: 'ImagePullBackOff', restarts: 0 },
  },
];
for (const { it, conduct, moments, is } of cases) {
  test(`simulated-pod ${it}`, () => assert.deepEqual(summary(live(aPod(), moments, conduct)), is));
}

test('simulated-pod succeeds after a second when it is meant to end', () => {
  const pod = live(aPod({ spec: { restartPolicy: 'Never' } }), [0, 1]);
  assert.deepEqual(summary(pod), { phase: 'Succeeded', ready: 'False', state: 'terminated', reason: undefined, restarts: 0 });
  assert.deepEqual(at(pod, 100), []);
});

test('simulated-pod fails with the exit code that its annotation says', () => {
  const annotations = { 'simulated.keelson.dev/exit-code': '3' };
  const pod = live(aPod({ metadata: { ...aPod().metadata, annotations }, spec: { restartPolicy: 'Never' } }), [0, 1]);
  assert.equal(pod.status?.phase, 'Failed');
  assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 3);
});

test('simulated-pod says when to look again, and writes nothing while nothing changes', () => {
  const pod = live(aPod(), [0], { readyAfterMs: 5_000 });
  assert.deepEqual(at(pod, 2, { readyAfterMs: 5_000 }), [{ verb: 'requeue', afterMs: 3_000 }]);
});

test('simulated-pod goes at once when it is deleted, and shows its end only to who holds a finalizer', () => {
  const deleted = { ...aPod().metadata, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 };
  const verbs = (pod: Pod) => at(pod, 1).map((action) => action.verb);
  assert.deepEqual(verbs(aPod({ metadata: deleted })), ['delete']);
  assert.deepEqual(verbs(aPod({ metadata: { ...deleted, finalizers: ['batch.kubernetes.io/job-tracking'] } })), ['updateStatus', 'delete']);
});

test('simulated-pod opens for readiness gates only once they are', () => {
  const spec = { readinessGates: [{ conditionType: 'example.com/gate' }] };
  const pod = live(aPod({ spec }), [0]);
  assert.equal(summary(pod).ready, 'False');
  const open = {
    ...pod,
    status: { ...pod.status, conditions: [...(pod.status?.conditions ?? []), { type: 'example.com/gate', status: 'True' }] },
  };
  assert.equal(summary(live(open, [1])).ready, 'True');
});

test('addresses are held by one at a time, and free again once released', () => {
  const book = createAddressBook();
  assert.deepEqual(
    ['a', 'b', 'a'].map((holder) => book.hold('10.0.0.0/29', holder)),
    ['10.0.0.2', '10.0.0.3', '10.0.0.2'],
  );
  book.release('a');
  assert.equal(book.hold('10.0.0.0/29', 'c'), '10.0.0.2');
  book.note('10.0.0.4', 'old');
  assert.equal(book.hold('10.0.0.0/29', 'd'), '10.0.0.5');
  for (const holder of ['e', 'f']) book.hold('10.0.0.0/29', holder);
  assert.equal(book.hold('10.0.0.0/29', 'g'), undefined);
});
