import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { ClusterEvent } from './plugin.ts';
import { createSchedulingQueue } from './scheduling-queue.ts';
import { aPod } from './testing/builders.ts';

const { signal } = new AbortController();
const events = (...names: ClusterEvent[]) => new Set(names);
const uidOf = (name: string) => aPod({ name }).metadata.uid;

function setUp() {
  const clock = createFakeClock();
  const queue = createSchedulingQueue(clock, (previous, current) => previous.spec !== current.spec);
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
  queue.retry(uidOf('web'), events('pod-left'));
  queue.wake('node-changed');
  assert.deepEqual(queue.sizes(), { active: 0, 'backing-off': 0, unschedulable: 1 });
  queue.wake('pod-left');
  assert.deepEqual(queue.sizes(), { active: 0, 'backing-off': 1, unschedulable: 0 });
  await clock.advance(1_000);
  assert.deepEqual(queue.sizes(), { active: 1, 'backing-off': 0, unschedulable: 0 });
});

test('an event long after the attempt makes a pod active at once', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.retry(uidOf('web'), events('node-changed'));
  await clock.advance(60_000);
  queue.wake('node-changed');
  assert.equal(queue.sizes().active, 1);
});

test('an event during the cycle is not lost', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.wake('node-changed');
  queue.retry(uidOf('web'), events('node-changed'));
  await clock.advance(1_000);
  assert.equal(queue.sizes().active, 1);
});

test('the back-off doubles from 1 s to 10 s', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    await takeName();
    queue.retry(uidOf('web'), events());
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
  queue.retry(uidOf('web'), events('node-changed'));
  queue.add({ ...pod, status: { message: 'new' } });
  assert.equal(queue.sizes().unschedulable, 1);
  queue.add(aPod({ tolerations: [{ operator: 'Exists' }] }));
  await clock.advance(1_000);
  assert.equal((await queue.take(signal)).pod.spec.tolerations?.length, 1);
  queue.add(aPod({ tolerations: [] }));
  queue.retry(uidOf('web'), events('node-changed'));
  assert.equal(queue.sizes()['backing-off'], 1);
});

test('without any event a pod is looked at again after five minutes, and a closed queue leaves no timer', async () => {
  const { clock, queue, takeName } = setUp();
  queue.add(aPod());
  await takeName();
  queue.retry(uidOf('web'), events('node-changed'));
  await clock.advance(299_999);
  assert.equal(queue.sizes().active, 0);
  await clock.advance(1);
  assert.equal(queue.sizes().active, 1);
  await takeName();
  queue.retry(uidOf('web'), events('node-changed'));
  queue.close();
  assert.equal(clock.waiting(), 0);
});
