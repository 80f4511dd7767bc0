import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '#api/generated/resources.ts';
import { ApiError } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createFakeClient, type FakeRequest } from './testing/fake-client.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' };

function setUp(onRequest?: (request: FakeRequest) => void) {
  const clock = createFakeClock();
  const client = createFakeClient({ clock, ...(onRequest === undefined ? {} : { onRequest }) });
  const recorder = createEventRecorder(
    { component: 'kubelet', host: 'worker-1' },
    { client, clock, random: seededRandom(1), log: silentLogger },
  );
  const stop = new AbortController();
  return {
    clock,
    client,
    recorder,
    stop,
    running: recorder.run(stop.signal),
    listed: async () => (await client.resource(events).list()).items,
  };
}

test('an event names its object, its source and its times, in the namespace of the object', async () => {
  const { clock, recorder, listed } = setUp();
  recorder.record(pod, 'Normal', 'Pulled', 'Container image pulled', 'spec.containers{web}');
  await clock.advance(1);
  const [event] = await listed();
  assert.match(event?.metadata.name ?? '', /^web\.[0-9a-f]{16}$/);
  assert.deepEqual(
    [event?.metadata.namespace, event?.involvedObject.fieldPath, event?.source, event?.count, event?.firstTimestamp],
    ['shop', 'spec.containers{web}', { component: 'kubelet', host: 'worker-1' }, 1, '2026-01-01T00:00:00Z'],
  );
});

test('an event about something without a namespace goes to default', async () => {
  const { clock, recorder, listed } = setUp();
  recorder.record({ apiVersion: 'v1', kind: 'Node', name: 'worker-1', uid: 'worker-1' }, 'Normal', 'Starting', '');
  await clock.advance(1);
  assert.equal((await listed())[0]?.metadata.namespace, 'default');
});

test('equal events become one with a count', async () => {
  const { clock, recorder, listed } = setUp();
  for (let round = 0; round < 3; round++) {
    recorder.record(pod, 'Warning', 'BackOff', 'Back-off restarting failed container');
    await clock.advance(10_000);
  }
  const all = await listed();
  assert.deepEqual(
    all.map(({ count, firstTimestamp, lastTimestamp }) => [count, firstTimestamp, lastTimestamp]),
    [[3, '2026-01-01T00:00:00Z', '2026-01-01T00:00:20Z']],
  );
});

test('an event whose counterpart has expired is written anew, with its count', async () => {
  const { clock, client, recorder, listed } = setUp();
  recorder.record(pod, 'Warning', 'BackOff', 'again');
  await clock.advance(1);
  const [first] = await listed();
  await client.resource(events).delete({ namespace: 'shop', name: first?.metadata.name ?? '' });
  recorder.record(pod, 'Warning', 'BackOff', 'again');
  await clock.advance(1);
  assert.deepEqual(
    (await listed()).map(({ count }) => count),
    [2],
  );
});

test('more than ten different messages of one reason are folded into one event', async () => {
  const { clock, recorder, listed } = setUp();
  for (let index = 0; index < 14; index++) recorder.record(pod, 'Warning', 'Failed', `attempt ${index}`);
  await clock.advance(1);
  const all = await listed();
  assert.equal(all.length, 11);
  assert.deepEqual(
    all.filter(({ message }) => message?.startsWith('(combined from similar events): ')).map(({ count, message }) => [count, message]),
    [[4, '(combined from similar events): attempt 13']],
  );
});

test('one object may bring 25 events at once, then one each five minutes', async () => {
  const { clock, client, recorder } = setUp();
  for (let index = 0; index < 40; index++) recorder.record(pod, 'Normal', `Reason${index}`, 'm');
  await clock.advance(1);
  assert.equal(client.writes().length, 25);
  await clock.advance(300_000);
  recorder.record(pod, 'Normal', 'Later', 'm');
  recorder.record(pod, 'Normal', 'TooSoon', 'm');
  await clock.advance(1);
  assert.equal(client.writes().length, 26);
});

test('an unreachable server gets its events later; a refusal drops the event', async () => {
  let failure: ApiError | undefined = new ApiError('ServiceUnavailable', 'connection refused');
  const { clock, recorder, listed } = setUp(({ verb }) => {
    if (verb === 'create' && failure !== undefined) throw failure;
  });
  recorder.record(pod, 'Normal', 'Kept', 'm');
  await clock.advance(15_000);
  failure = undefined;
  await clock.advance(10_000);
  assert.equal((await listed()).length, 1);
  failure = new ApiError('Forbidden', 'the namespace is being terminated');
  recorder.record(pod, 'Normal', 'Dropped', 'm');
  await clock.advance(1);
  failure = undefined;
  recorder.record(pod, 'Normal', 'Next', 'm');
  await clock.advance(60_000);
  assert.deepEqual(
    (await listed()).map(({ reason }) => reason),
    ['Kept', 'Next'],
  );
});

test('when stopped it writes what is left', async () => {
  const { recorder, stop, running, listed } = setUp();
  stop.abort();
  recorder.record(pod, 'Normal', 'Last', 'm');
  await running;
  assert.equal((await listed()).length, 1);
});
