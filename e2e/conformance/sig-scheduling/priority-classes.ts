/** PriorityClasses as objects: what of one can be changed, and what not. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { createClasses, PRIORITY_CLASSES } from '../framework/priority-classes.ts';

async function operatesClasses(t: TestScope): Promise<void> {
  const classes = t.resource(PRIORITY_CLASSES, '');
  const [first = '', second = ''] = await createClasses(t, [1, 2]);
  await expectRefusal(classes.patch(first, { value: 10 }, { type: 'strategic' }), { reason: 'Invalid' });
  const { value } = await classes.get(second);
  await expectRefusal(
    classes.change(second, (found) => {
      found.value = value * 10;
    }),
    { reason: 'Invalid' },
  );
  const description = 'updated description';
  await classes.patch(first, { description }, { type: 'strategic' });
  await classes.change(second, (found) => {
    found.description = description;
  });
  const { items } = await classes.list();
  for (const [name, expected] of [
    [first, 1],
    [second, 2],
  ] as const) {
    assert.ok(items.some(({ metadata }: Json) => metadata.name === name));
    const found = await classes.get(name);
    assert.deepEqual([found.value, found.description], [expected, description]);
  }
}

export const priorityClassTests: readonly ConformanceTest[] = [
  {
    name: '[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance] [Serial]',
    run: operatesClasses,
  },
];
