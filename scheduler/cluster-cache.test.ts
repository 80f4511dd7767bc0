import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClusterCache } from './cluster-cache.ts';
import { aNode, aPod, aPodInfo } from './testing/builders.ts';

const namesOn = (cache: ReturnType<typeof createClusterCache>) =>
  cache.snapshot().nodes.map(({ name, pods }) => `${name}: ${pods.map(({ pod }) => pod.metadata.name).join(' ')}`);

test('an assumed pod takes its room at once and gives it back when forgotten', () => {
  const cache = createClusterCache();
  cache.setNode(aNode());
  const pod = aPodInfo({ requests: { cpu: '2' } });
  cache.assume(pod, 'worker-1');
  assert.equal(cache.snapshot().nodes[0]?.requested.get('cpu'), 2_000);
  cache.forget(pod.pod.metadata.uid);
  assert.equal(cache.snapshot().nodes[0]?.requested.get('cpu'), undefined);
});

test('what the server has confirmed is not forgotten', () => {
  const cache = createClusterCache();
  cache.setNode(aNode());
  cache.assume(aPodInfo(), 'worker-1');
  cache.setPod(aPod({ nodeName: 'worker-1' }));
  cache.forget(aPod().metadata.uid);
  assert.deepEqual(namesOn(cache), ['worker-1: web']);
});

test('the server has the last word on where a pod is', () => {
  const cache = createClusterCache();
  for (const name of ['a', 'b']) cache.setNode(aNode({ name }));
  cache.assume(aPodInfo(), 'a');
  cache.setPod(aPod({ nodeName: 'b' }));
  assert.deepEqual(namesOn(cache), ['a: ', 'b: web']);
});

test('pods may be known before their node, and outlive it', () => {
  const cache = createClusterCache();
  cache.setPod(aPod({ nodeName: 'worker-1' }));
  assert.deepEqual(namesOn(cache), []);
  cache.setNode(aNode());
  assert.deepEqual(namesOn(cache), ['worker-1: web']);
  cache.removeNode('worker-1');
  cache.setNode(aNode());
  assert.deepEqual(namesOn(cache), ['worker-1: web']);
});

test('a snapshot stays as it is while the cache moves on, and nodes that did not change are not built again', () => {
  const cache = createClusterCache();
  for (const name of ['a', 'b']) cache.setNode(aNode({ name }));
  const before = cache.snapshot();
  assert.equal(cache.snapshot(), before);
  cache.assume(aPodInfo(), 'b');
  const after = cache.snapshot();
  assert.deepEqual([before.nodes[1]?.pods.length, after.nodes[1]?.pods.length, after.nodes[0] === before.nodes[0]], [0, 1, true]);
});
