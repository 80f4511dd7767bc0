import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { ClusterEvent, EventName } from './cluster-event.ts';
import { priorityOf } from './pod-info.ts';
import { createSchedulingQueue } from './scheduling-queue.ts';
import { aNode, aPod } from './testing/builders.ts';

const { signal } = new AbortController();
/** In these tests a plugin is called after the one event that may help its pods. */
const plugins = (...names: EventName[]) => new Set<string>(names);
const happened = (name: 'pod-left' | 'node-added'): ClusterEvent =>
  name === 'pod-left' ? { name, pod: aPod({ name: 'other' }) } : { name, node: aNode() };
const uidOf = (name: string) => aPod({ name }).metadata.uid;

function setUp() {
  const clock = createFakeClock();
  const queue = createSchedulingQueue({
    clock,
    backOffMs: { min: 1_000, max: 10_000 },
    comesBefore: (left, right) => (priorityOf(left) === priorityOf(right) ? undefined : priorityOf(left) > priorityOf(right)),
    isAdmitted: ({ spec }) => (spec.schedulingGates ?? []).length === 0,
    isRelevantChange: (previous, current) => previous.spec !== current.spec,
    eventsAwaited: (_pod, rejectedBy) =>
      new Set(['pod-left', 'node-added'] satisfies EventName[]).intersection(rejectedBy) as Set<EventName>,
    mayHelp: (_pod, rejectedBy, event) => rejectedBy.has(event.name),
  });
  const takeName = async () => (await queue.take(signal)).pod.metadata.name;
  return { clock, queue, takeName };
}

test('pods come by priority, and then in the order they arrived', async () => {
  const { queue, takeName } = setUp();
  queue.add(aPod({ name: 'first' }));
  queue.add(aPod({ name: 'second' }));
  queue.add(aPod({ name: 'urgent', priority: 1_000 }));
  queue.add(aPod({ name: 'third' }));
  assert.deepEqual([await takeName(), await takeName(), await takeName(), await takeName()], ['urgent', 'first', 'second', 'third']);
});

test('a take waits for a pod, and an abort ends the wait', async () => {
  const { queue, takeName } = setUp();
  const taken = takeName();
  queue.add(aPod({ name: 'late' }));
  assert.equal(await taken, 'late');
  const stop = new AbortController();
  const waiting = queue.take(stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});

test('a pod that was removed is not handed out', async () => {
  const { queue, takeName } = setUp();
  queue.add(aPod({ name: 'gone' }));
  queue.add(aPod({ name: 'kept' }));
  queue.remove(uidOf('gone'));
  assert.equal(await takeName(), 'kept');
});

test('an unschedulable pod waits for an event that may help it, and then out its back-off', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.retry(uidOf('web'), plugins('pod-left'));
  queue.wake(happened('node-added'));
  assert.deepEqual(queue.sizes(), { active: 0, backoff: 0, unschedulable: 1, gated: 0 });
  queue.wake(happened('pod-left'));
  assert.deepEqual(queue.sizes(), { active: 0, backoff: 1, unschedulable: 0, gated: 0 });
  await clock.advance(1_000);
  assert.deepEqual(queue.sizes(), { active: 1, backoff: 0, unschedulable: 0, gated: 0 });
});

test('an event long after the attempt makes a pod active at once', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.retry(uidOf('web'), plugins('node-added'));
  await clock.advance(60_000);
  queue.wake(happened('node-added'));
  assert.equal(queue.sizes().active, 1);
});

test('an event during the cycle is not lost', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.wake(happened('node-added'));
  queue.retry(uidOf('web'), plugins('node-added'));
  await clock.advance(1_000);
  assert.equal(queue.sizes().active, 1);
});

test('the back-off doubles from 1 s to 10 s', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    await takeName();
    queue.retryAfterError(uidOf('web'));
    await clock.advance(delayMs - 1);
    assert.equal(queue.sizes().active, 0);
    await clock.advance(1);
    assert.equal(queue.sizes().active, 1);
  }
});

test('a change of the pod itself wakes it, also one during the cycle; other updates do not', async () => {
  const { clock, queue, takeName } = setUp();
  const pod = aPod();
  queue.add(pod);
  await takeName();
  queue.retry(uidOf('web'), plugins('node-added'));
  queue.add({ ...pod, status: { message: 'new' } });
  assert.equal(queue.sizes().unschedulable, 1);
  queue.add(aPod({ tolerations: [{ operator: 'Exists' }] }));
  await clock.advance(1_000);
  assert.equal((await queue.take(signal)).pod.spec.tolerations?.length, 1);
  queue.add(aPod({ tolerations: [] }));
  queue.retry(uidOf('web'), plugins('node-added'));
  assert.equal(queue.sizes().backoff, 1);
});

test('without any event a pod is looked at again after five minutes, and a closed queue leaves no timer', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.retry(uidOf('web'), plugins('node-added'));
  await clock.advance(299_999);
  assert.equal(queue.sizes().active, 0);
  await clock.advance(1);
  assert.equal(queue.sizes().active, 1);
  await takeName();
  queue.retry(uidOf('web'), plugins('node-added'));
  queue.close();
  assert.equal(clock.waiting(), 0);
});

test('with nothing else to do a pod that was helped need not wait out its back-off; one after an error must', async () => {
  const { queue, takeName } = setUp();
  queue.add(aPod({ name: 'helped' }));
  queue.add(aPod({ name: 'failed' }));
  await takeName();
  await takeName();
  queue.retry(uidOf('helped'), plugins('pod-left'));
  queue.retryAfterError(uidOf('failed'));
  queue.wake(happened('pod-left'));
  assert.equal(await takeName(), 'helped');
  assert.deepEqual(queue.sizes(), { active: 0, backoff: 1, unschedulable: 0, gated: 0 });
});

test('a gated pod is not handed out until its gates are gone', async () => {
  const { queue, takeName } = setUp();
  queue.add(aPod({ name: 'gated', schedulingGates: [{ name: 'example.com/wait' }] }));
  queue.add(aPod({ name: 'free' }));
  assert.equal(queue.sizes().gated, 1);
  assert.equal(await takeName(), 'free');
  queue.add(aPod({ name: 'gated' }));
  assert.equal(await takeName(), 'gated');
});
