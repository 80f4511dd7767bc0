import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, secrets } from '#api/generated/resources.ts';
import { batchActions, create } from './apply-actions.ts';

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
