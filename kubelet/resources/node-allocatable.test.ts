/** What of a node pods may ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAmounts } from '#api/core/v1/resource-list.ts';
import { type NodeShape, parseReserved, podsLimitOf, renderAmounts } from './node-allocatable.ts';

const shape: NodeShape = {
  cpuCount: 2,
  memoryBytes: 2 ** 31,
  diskBytes: 100 * 2 ** 30,
  reserved: parseReserved('cpu=100m, memory=256Mi'),
  memoryKeptBytes: 100 * 2 ** 20,
  diskKeptBytes: 10 * 2 ** 30,
};

test('allocatable is the capacity less what is reserved and what eviction keeps free', () => {
  const { capacity, allocatable } = renderAmounts(shape, undefined);
  assert.deepEqual(capacity, { cpu: '2', memory: '2Gi', 'ephemeral-storage': '100Gi', pods: '110' });
  assert.deepEqual(allocatable, { cpu: '1900m', memory: '1692Mi', 'ephemeral-storage': '90Gi', pods: '110' });
});

test('the kernel grants pods all that is not reserved, so that eviction comes first', () => {
  assert.equal(formatAmounts(podsLimitOf(shape)).memory, '1792Mi');
});

test('extended resources that somebody advertised stay, and can be asked for in full', () => {
  const { capacity, allocatable } = renderAmounts(shape, { cpu: '64', 'example.com/dongle': '4' });
  assert.equal(capacity['example.com/dongle'], '4');
  assert.equal(allocatable['example.com/dongle'], '4');
  assert.equal(capacity.cpu, '2');
});

test('more reserved than there is leaves nothing, not less', () => {
  assert.equal(renderAmounts({ ...shape, reserved: parseReserved('memory=3Gi') }, undefined).allocatable.memory, '0');
});

test('what cannot be reserved is refused by name', () => {
  assert.throws(() => parseReserved('gpu=1'), /cannot reserve "gpu": write one of cpu, memory, ephemeral-storage, pid/);
  assert.throws(() => parseReserved('cpu'), /write cpu=amount/);
});
