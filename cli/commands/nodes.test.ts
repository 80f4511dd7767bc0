/** What `keelson nodes add` asks the API server for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draftNodes, type RequestedNodes } from './nodes.ts';

const plain: RequestedNodes = { count: 1, name: 'simulated', cpu: '4', memory: '16Gi', pods: '110', resource: [], label: [], taint: [] };

test('a simulated node is kept free of pods that do not ask for it', () => {
  const [node] = draftNodes(plain, new Set());
  assert.equal(node?.metadata.labels?.['keelson.dev/simulated'], 'true');
  assert.deepEqual(node?.spec?.taints, [{ key: 'keelson.dev/simulated', value: 'true', effect: 'NoSchedule' }]);
});

test('names go on where others end, and zones take turns', () => {
  const drafts = draftNodes({ ...plain, count: 3, zone: 'a,b' }, new Set(['simulated-2']));
  assert.deepEqual(
    drafts.map(({ metadata }) => [metadata.name, metadata.labels?.['topology.kubernetes.io/zone']]),
    [
      ['simulated-1', 'a'],
      ['simulated-3', 'b'],
      ['simulated-4', 'a'],
    ],
  );
});

test('capacity, labels and taints are those that were chosen', () => {
  const requested = {
    ...plain,
    cpu: '64',
    resource: ['nvidia.com/gpu=8'],
    label: ['gpu=yes'],
    taint: ['dedicated=gpu:NoExecute', 'x:NoSchedule'],
  };
  const [node] = draftNodes(requested, new Set());
  assert.deepEqual(node?.status?.capacity, { cpu: '64', memory: '16Gi', pods: '110', 'nvidia.com/gpu': '8' });
  assert.equal(node?.metadata.labels?.gpu, 'yes');
  assert.deepEqual(node?.spec?.taints, [
    { key: 'dedicated', value: 'gpu', effect: 'NoExecute' },
    { key: 'x', effect: 'NoSchedule' },
  ]);
  assert.deepEqual(draftNodes({ ...plain, taint: false }, new Set())[0]?.spec?.taints, []);
});

test('what cannot be understood is refused, with how it is written', () => {
  assert.throws(() => draftNodes({ ...plain, taint: ['dedicated'] }, new Set()), /--taint dedicated: it is written key=value:effect/);
  assert.throws(() => draftNodes({ ...plain, label: ['gpu'] }, new Set()), /--label gpu: it is written key=value/);
  assert.throws(() => draftNodes({ ...plain, count: 1_000 }, new Set()), /from 1 to 200/);
});
