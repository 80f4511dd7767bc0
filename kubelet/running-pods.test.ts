/** The pods as the engine has them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runningPods } from './running-pods.ts';
import { aRuntimeContainer, aSandbox, exited } from './testing/pod-snapshots.ts';

test('what runs of a pod is listed, what has ended is not', () => {
  const containers = [aSandbox(), aRuntimeContainer('web'), aRuntimeContainer('job', exited(0))];
  const [pod, ...others] = runningPods(containers);
  assert.deepEqual(pod?.metadata, { name: 'web', namespace: 'default', uid: 'u1' });
  assert.deepEqual(pod?.spec.containers, [{ name: 'web', image: 'web:v1', resources: {} }]);
  assert.deepEqual(others, []);
});
