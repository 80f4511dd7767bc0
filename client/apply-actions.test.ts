import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, pods, secrets } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { ApiError } from '#api/meta/status.ts';
import { systemClock } from '#component/clock.ts';
import { applyActions, batchActions, create, updateStatus } from './apply-actions.ts';
import { createFakeClient } from './testing/fake-client.ts';

const aSecret = create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } });
const aConfigMap = create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } });
const aRequeue = { verb: 'requeue', afterMs: 1 } as const;

const sizes = [
  { it: 'many creations go out as 1, 2, 4, 8, 16, 16', actions: Array.from({ length: 40 }, () => aSecret), expected: [1, 2, 4, 8, 16, 9] },
  { it: 'creations of different resources keep their order', actions: [aSecret, aConfigMap, aSecret], expected: [1, 1, 1] },
  { it: 'other actions go one by one', actions: [aRequeue, aRequeue], expected: [1, 1] },
  {
    it: 'a run that was interrupted starts anew',
    actions: [aSecret, aSecret, aSecret, aRequeue, aSecret, aSecret],
    expected: [1, 2, 1, 1, 1],
  },
];
for (const { it, actions, expected } of sizes) {
  test(it, () => {
    assert.deepEqual(
      batchActions(actions).map(({ length }) => length),
      expected,
    );
  });
}

test('after a failure the status is still written, unless it tells of success', async () => {
  const refuse = ({ verb }: { readonly verb: string }) => {
    if (verb === 'create') throw new ApiError('Forbidden', 'exceeded quota');
  };
  const client = createFakeClient({ clock: systemClock, onRequest: refuse });
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [] },
  };
  const told = { ...updateStatus(pods, pod), tellsOfSuccess: true };
  const events = { record: () => {}, run: async () => {} };
  const { failures } = await applyActions([aSecret, told, updateStatus(pods, pod)], { client, events });
  assert.equal(failures.length, 2);
  assert.deepEqual(
    client.requests.map(({ verb, subresource = '' }) => `${verb} ${subresource}`),
    ['create ', 'update status'],
  );
});
