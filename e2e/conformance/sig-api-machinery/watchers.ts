/** Watchers: what a watch on ConfigMaps tells, from where, and that all watches tell the same in the same order. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import type { Watch } from '../framework/watch.ts';

const LABEL = 'watch-this-configmap';
const CONCURRENT_WATCHES = 100;
/** One watch after the other begins at the next event; the writer below makes far more events than there are watches. */
const WRITES_MAX = 10_000;

const aConfigMap = (name: string, label: string): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { [LABEL]: label } },
});

const mutate = (value: number) => (object: Json) => {
  object.data = { mutation: String(value) };
};

const relabel = (label: string) => (object: Json) => {
  object.metadata.labels[LABEL] = label;
};

/** Asserts that nothing else was told before an object that is made now: what has not come by then was never sent. */
async function expectNothingBeforeNow(t: TestScope, watches: readonly Watch[], label: string): Promise<void> {
  const name = `sentinel-${label}`.toLowerCase();
  await t.resource('v1/configmaps').create(aConfigMap(name, label));
  for (const watch of watches) {
    const next = await watch.expect('ADDED', 'nothing else is told');
    assert.equal(next.metadata.name, name);
  }
}

async function observesAll(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const [a, b, both] = await Promise.all([
    configMaps.watch({ labelSelector: `${LABEL}=multiple-watchers-A` }),
    configMaps.watch({ labelSelector: `${LABEL}=multiple-watchers-B` }),
    configMaps.watch({ labelSelector: `${LABEL} in (multiple-watchers-A,multiple-watchers-B)` }),
  ]);
  const expectBoth = async (watch: Watch, type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, mutation?: string) => {
    for (const one of [watch, both]) {
      const object = await one.expect(type, `${type} of ${name}`);
      assert.equal(object.metadata.name, name);
      assert.equal(object.data?.mutation, mutation);
    }
  };
  await configMaps.create(aConfigMap('a', 'multiple-watchers-A'));
  await expectBoth(a, 'ADDED', 'a');
  await configMaps.change('a', mutate(1));
  await expectBoth(a, 'MODIFIED', 'a', '1');
  await configMaps.change('a', mutate(2));
  await expectBoth(a, 'MODIFIED', 'a', '2');
  await configMaps.delete('a');
  await expectBoth(a, 'DELETED', 'a', '2');
  await configMaps.create(aConfigMap('b', 'multiple-watchers-B'));
  await expectBoth(b, 'ADDED', 'b');
  await configMaps.delete('b');
  await expectBoth(b, 'DELETED', 'b');
  await expectNothingBeforeNow(t, [a], 'multiple-watchers-A');
  await expectNothingBeforeNow(t, [b], 'multiple-watchers-B');
}

async function startsFromVersion(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  await configMaps.create(aConfigMap('versioned', 'from-resource-version'));
  const first = await configMaps.change('versioned', mutate(1));
  const second = await configMaps.change('versioned', mutate(2));
  await configMaps.delete('versioned');
  const watch = await configMaps.watch({
    labelSelector: `${LABEL}=from-resource-version`,
    resourceVersion: first.metadata.resourceVersion,
  });
  const modified = await watch.expect('MODIFIED', 'the second change');
  assert.equal(modified.metadata.resourceVersion, second.metadata.resourceVersion);
  assert.equal(modified.data.mutation, '2');
  const deleted = await watch.expect('DELETED', 'the deletion');
  assert.equal(deleted.data.mutation, '2');
}

async function restartsFromLastVersion(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const labelSelector = `${LABEL}=watch-closed-and-restarted`;
  const broken = await configMaps.watch({ labelSelector });
  await configMaps.create(aConfigMap('restarted', 'watch-closed-and-restarted'));
  await configMaps.change('restarted', mutate(1));
  await broken.expect('ADDED', 'the creation');
  const last = await broken.expect('MODIFIED', 'the first change');
  broken.close();
  await configMaps.change('restarted', mutate(2));
  await configMaps.delete('restarted');
  const again = await configMaps.watch({ labelSelector, resourceVersion: last.metadata.resourceVersion });
  assert.equal((await again.expect('MODIFIED', 'the change made meanwhile')).data.mutation, '2');
  await again.expect('DELETED', 'the deletion made meanwhile');
}

async function followsTheSelector(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const label = 'label-changed-and-restored';
  const watch = await configMaps.watch({ labelSelector: `${LABEL}=${label}` });
  await configMaps.create(aConfigMap('relabelled', label));
  await watch.expect('ADDED', 'the creation');
  await configMaps.change('relabelled', mutate(1));
  await watch.expect('MODIFIED', 'the first change');
  await configMaps.change('relabelled', relabel('wrong'));
  await watch.expect('DELETED', 'the selector is no longer met');
  await configMaps.change('relabelled', mutate(2));
  await expectNothingBeforeNow(t, [watch], label);
  await configMaps.change('relabelled', relabel(label));
  const restored = await watch.expect('ADDED', 'the selector is met again');
  assert.equal(restored.data.mutation, '2');
  await configMaps.change('relabelled', mutate(3));
  assert.equal((await watch.expect('MODIFIED', 'the third change')).data.mutation, '3');
  await configMaps.delete('relabelled');
  await watch.expect('DELETED', 'the deletion');
}

/** Writes at random until told to stop: creations, changes and deletions. */
async function writeUntil(t: TestScope, isOver: () => boolean): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const existing: string[] = [];
  for (let index = 0; !isOver() && index < WRITES_MAX; index++) {
    const [oldest] = existing;
    if (oldest === undefined || index % 3 === 0) {
      existing.push(`written-${index}`);
      await configMaps.create(aConfigMap(`written-${index}`, 'concurrent'));
    } else if (index % 3 === 1) {
      await configMaps.patch(oldest, { data: { mutation: String(index) } });
    } else {
      existing.shift();
      await configMaps.delete(oldest);
    }
  }
}

async function tellsTheSameOrder(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  let isOver = false;
  const list = await configMaps.list();
  const first = await configMaps.watch({ resourceVersion: list.metadata.resourceVersion });
  const writing = writeUntil(t, () => isOver);
  const others: Watch[] = [];
  try {
    for (let count = 0; count < CONCURRENT_WATCHES; count++) {
      const leading = await first.next('an event');
      assert.notEqual(leading, 'closed');
      if (leading === 'closed') return;
      const { resourceVersion } = leading.object.metadata;
      others.push(await configMaps.watch({ resourceVersion }));
      // The watch just begun has not seen this event; each older one sees it next.
      for (const older of others.slice(0, -1)) {
        const event = await older.next(`the event of version ${resourceVersion}`);
        assert.equal(event === 'closed' ? event : event.object.metadata.resourceVersion, resourceVersion);
      }
    }
  } finally {
    isOver = true;
    await writing;
  }
}

export const watcherTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]',
    run: observesAll,
  },
  {
    name: '[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]',
    run: startsFromVersion,
  },
  {
    name: '[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]',
    run: restartsFromLastVersion,
  },
  {
    name: '[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]',
    run: followsTheSelector,
  },
  {
    name: '[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]',
    run: tellsTheSameOrder,
  },
];
