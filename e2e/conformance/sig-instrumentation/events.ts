/** Events as objects, in the core group and in their own: made, found, changed, deleted one by one and as a collection. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';

const CORE_EVENTS = 'v1/events';
const EVENTS = 'events.k8s.io/v1/events';
const SERIES = { count: 100, lastObservedTime: '2017-09-19T13:49:16.000000Z' };

const aCoreEvent = (t: TestScope, name: string, labels: Json): Json => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, labels },
  involvedObject: { namespace: t.namespace },
  message: 'This is a test event',
  reason: 'Test',
  type: 'Normal',
  source: { component: 'test-controller' },
});

const anEvent = (t: TestScope, name: string, labels: Json): Json => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name, labels },
  regarding: { namespace: t.namespace },
  note: 'This is a test event',
  reason: 'Test',
  action: 'Do',
  type: 'Normal',
  eventTime: '2017-09-19T13:49:16.000000Z',
  reportingController: 'test-controller',
  reportingInstance: 'test-node',
});

/** What a test wrote: without what the server notes of the writing. */
function written({ metadata: { managedFields: _, resourceVersion: __, ...metadata }, ...rest }: Json): Json {
  return { ...rest, metadata };
}

async function exists(t: TestScope, resource: string, namespace: string, name: string): Promise<boolean> {
  const { items } = await t.resource(resource, namespace).list();
  return items.some(({ metadata }: Json) => metadata.namespace === t.namespace && metadata.name === name);
}

async function livesInCore(t: TestScope): Promise<void> {
  const events = t.resource(CORE_EVENTS);
  const name = 'event-test';
  const ours = { labelSelector: `testevent-constant=${t.suffix}` };
  await events.create(aCoreEvent(t, name, { 'testevent-constant': t.suffix }));
  const { items } = await t.resource(CORE_EVENTS, '').list(ours);
  assert.deepEqual(
    items.map(({ metadata }: Json) => [metadata.namespace, metadata.name]),
    [[t.namespace, name]],
  );
  const message = 'This is a test event - patched';
  await events.patch(name, { message }, { type: 'strategic' });
  assert.equal((await events.get(name)).message, message);
  await events.change(name, (event) => {
    event.series = SERIES;
  });
  assert.deepEqual((await events.get(name)).series, SERIES);
  await events.delete(name);
  assert.deepEqual((await t.resource(CORE_EVENTS, '').list(ours)).items, []);
}

async function livesInOwnGroup(t: TestScope): Promise<void> {
  const events = t.resource(EVENTS);
  const name = 'event-test';
  await events.create(anEvent(t, name, {}));
  for (const namespace of ['', t.namespace]) assert.ok(await exists(t, EVENTS, namespace, name), 'the event is listed');
  for (const [resource, fieldSelector] of [
    [CORE_EVENTS, 'source=test-controller'],
    [EVENTS, 'reportingController=test-controller'],
  ] as const) {
    const { items } = await t.resource(resource).list({ fieldSelector });
    assert.deepEqual(
      items.map(({ metadata }: Json) => metadata.name),
      [name],
      `${resource} by ${fieldSelector}`,
    );
  }
  const created = await events.get(name);
  // The description still speaks of the note, which this version of the API holds fast, as it does all but the series.
  await expectRefusal(events.patch(name, { note: 'This is a test event - patched' }, { type: 'strategic' }), {
    reason: 'Invalid',
    message: 'field is immutable',
  });
  const series = { ...SERIES, count: 2 };
  await events.patch(name, { series }, { type: 'strategic' });
  assert.deepEqual(written(await events.get(name)), written({ ...created, series }), 'the patch added the series and nothing else');
  await events.change(name, (event) => {
    event.series = SERIES;
  });
  assert.deepEqual(written(await events.get(name)), written({ ...created, series: SERIES }), 'the update changed the series');
  await events.delete(name);
  for (const namespace of ['', t.namespace]) assert.equal(await exists(t, EVENTS, namespace, name), false, 'the event is listed no more');
}

const deletesCollection =
  (resource: string, event: (t: TestScope, name: string, labels: Json) => Json) =>
  async (t: TestScope): Promise<void> => {
    const events = t.resource(resource);
    const labelSelector = 'testevent-set=true';
    const names = ['test-event-1', 'test-event-2', 'test-event-3'];
    for (const name of names) await events.create(event(t, name, { 'testevent-set': 'true' }));
    const { items } = await events.list({ labelSelector });
    assert.deepEqual(items.map(({ metadata }: Json) => metadata.name).sort(), names);
    await events.deleteCollection({ labelSelector });
    assert.deepEqual((await events.list({ labelSelector })).items, []);
  };

export const eventTests: readonly ConformanceTest[] = [
  { name: '[sig-instrumentation] Events API should delete a collection of events [Conformance]', run: deletesCollection(EVENTS, anEvent) },
  {
    name: '[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]',
    run: livesInOwnGroup,
  },
  {
    name: '[sig-instrumentation] Events should delete a collection of events [Conformance]',
    run: deletesCollection(CORE_EVENTS, aCoreEvent),
  },
  { name: '[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]', run: livesInCore },
];
