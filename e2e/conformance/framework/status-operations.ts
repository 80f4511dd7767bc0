/** What the tests of a workload's status ask: /status can be read, updated and patched, and each change is told and read back. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { Resource } from './resource.ts';
import { conditionOf } from './workloads.ts';

/** Expects the object to be there, and at rest: its controller must not take part. */
export async function checkStatusEndpoints(resource: Resource, name: string): Promise<void> {
  assert.equal((await resource.get(name, 'status')).metadata.name, name);
  const watch = await resource.watch({ fieldSelector: `metadata.name=${name}` });
  const expectCondition = async (answer: Json, expected: Json): Promise<void> => {
    assertCondition(answer, expected);
    await watch.until(`${expected.type} is told`, ({ object }) => conditionOf(object, expected.type)?.status === 'True');
    assertCondition(await resource.get(name, 'status'), expected);
  };
  const updated = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
  const answer = await resource.change(
    name,
    (object) => {
      object.status.conditions = [...(object.status.conditions ?? []), updated];
    },
    'status',
  );
  await expectCondition(answer, updated);
  const patched = { type: 'StatusPatched', status: 'True' };
  await expectCondition(await resource.patch(name, { status: { conditions: [patched] } }, { subresource: 'status' }), patched);
}

function assertCondition(object: Json, expected: Json): void {
  const found = conditionOf(object, expected.type);
  assert.deepEqual({ ...found, ...expected }, found, `${expected.type} in ${JSON.stringify(object.status)}`);
}
