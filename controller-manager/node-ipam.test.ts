import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '#client/apply-actions.ts';
import { rangesOf, reconcileNodeRanges } from './node-ipam.ts';
import { aNode, describeActions, metadataOf, secondsAgo } from './testing/builders.ts';

const clusterCidr = '10.244.0.0/16';
const withRange = (name: string, podCIDR: string) => aNode(name, { spec: { podCIDR, podCIDRs: [podCIDR] } });

function rangesIn(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => /"podCIDR":"([^"]+)"/.exec(JSON.stringify(action))?.[1] ?? '');
}

test('the cluster range holds a range for each of 256 nodes', () => {
  const ranges = [...rangesOf(clusterCidr)];
  assert.deepEqual([ranges.length, ranges[0], ranges[255]], [256, '10.244.0.0/24', '10.244.255.0/24']);
});

test('nodes get the lowest free ranges, the oldest first, each its own', () => {
  const young = aNode('a', { metadata: { ...metadataOf('a'), creationTimestamp: secondsAgo(1) } });
  const actions = reconcileNodeRanges({ nodes: [young, aNode('b'), withRange('c', '10.244.0.0/24')], clusterCidr });
  assert.deepEqual(describeActions(actions), ['patch nodes b', 'patch nodes a']);
  assert.deepEqual(rangesIn(actions), ['10.244.1.0/24', '10.244.2.0/24']);
});

test('a range that a deleted node had is given again', () => {
  const actions = reconcileNodeRanges({ nodes: [withRange('a', '10.244.1.0/24'), aNode('b')], clusterCidr });
  assert.deepEqual(rangesIn(actions), ['10.244.0.0/24']);
});

test('a node that comes too late is told so', () => {
  const actions = reconcileNodeRanges({ nodes: [withRange('a', '10.9.0.0/24'), aNode('b')], clusterCidr: '10.9.0.0/24' });
  assert.deepEqual(describeActions(actions), ['event CIDRNotAvailable']);
});
