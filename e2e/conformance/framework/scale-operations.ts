/** What the tests of a scale subresource ask: it tells the replicas, can be updated and patched, and the workload follows. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';

/** Expects a workload of one running pod; leaves it with four wanted. */
export async function checkScale(t: TestScope, resourceName: string, name: string): Promise<void> {
  const resource = t.resource(resourceName);
  const untilWanted = (replicas: number) =>
    resource.until(name, `${name} wants ${replicas} replicas`, (found) => found?.spec.replicas === replicas);
  const scale = await resource.get(name, 'scale');
  assert.deepEqual([scale.apiVersion, scale.kind, scale.metadata.name], ['autoscaling/v1', 'Scale', name]);
  assert.deepEqual([scale.spec.replicas, scale.status.replicas], [1, 1]);
  // Without a version to compare with, an update is unconditional.
  const { resourceVersion: _, ...metadata } = scale.metadata;
  const updated: Json = await resource.update({ ...scale, metadata, spec: { replicas: 2 } }, 'scale');
  assert.equal(updated.spec.replicas, 2);
  await untilWanted(2);
  const patched = await resource.patch(name, { spec: { replicas: 4 } }, { subresource: 'scale' });
  assert.equal(patched.spec.replicas, 4);
  await untilWanted(4);
}
