import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestedAmounts, scoredAmounts } from './resource-amounts.ts';
import { aPod } from './testing/builders.ts';

test('processor time counts in thousandths, everything else in units', () => {
  const amounts = requestedAmounts(aPod({ requests: { cpu: '1500m', memory: '1Gi', 'example.com/gpu': '2' } }));
  assert.deepEqual(Object.fromEntries(amounts), { cpu: 1_500, memory: 1_073_741_824, 'example.com/gpu': 2 });
});

test('a pod that asks for nothing still counts for something when nodes are compared', () => {
  assert.equal(requestedAmounts(aPod()).size, 0);
  assert.deepEqual(Object.fromEntries(scoredAmounts(aPod({ requests: { cpu: '2' } }))), { cpu: 2_000, memory: 209_715_200 });
});
