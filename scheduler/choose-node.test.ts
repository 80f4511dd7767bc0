import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#component/random.ts';
import { chooseNode } from './choose-node.ts';
import { failureMessage } from './failure-message.ts';
import { createDefaultPlugins } from './plugins/index.ts';
import { aNodeInfo, aPodInfo } from './testing/builders.ts';

const deps = { plugins: createDefaultPlugins({ findLike: () => undefined, namespaceLabels: () => undefined }), random: seededRandom(1) };
const controlPlane = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

test('a pod that fits nowhere is told how many nodes refused it and why, and what may help', () => {
  const nodes = [
    aNodeInfo({ name: 'control-plane', taints: [controlPlane] }),
    aNodeInfo({ name: 'worker-1', allocatable: { cpu: '1' } }),
    aNodeInfo({ name: 'worker-2', allocatable: { cpu: '1' } }),
  ];
  const choice = chooseNode(aPodInfo({ requests: { cpu: '2' } }), nodes, 0, deps);
  assert.ok(!choice.fits);
  assert.equal(failureMessage(3, choice.rejections), '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.');
  assert.deepEqual(choice.wakeOn, new Set(['node-changed', 'pod-left']));
});

test('without nodes there is one thing to say', () => {
  const choice = chooseNode(aPodInfo(), [], 0, deps);
  assert.ok(!choice.fits);
  assert.equal(failureMessage(0, choice.rejections), 'no nodes available to schedule pods');
});

test('the emptier node wins; dice decide between equals', () => {
  const busy = aNodeInfo({ name: 'busy' }, [{ requests: { cpu: '2', memory: '4Gi' } }]);
  const winners = (nodes: Parameters<typeof chooseNode>[1]) =>
    new Set(
      Array.from({ length: 50 }, () => {
        const choice = chooseNode(aPodInfo(), nodes, 0, deps);
        return choice.fits ? choice.nodeName : '';
      }),
    );
  assert.deepEqual(winners([busy, aNodeInfo({ name: 'idle' })]), new Set(['idle']));
  assert.deepEqual(winners([aNodeInfo({ name: 'a' }), aNodeInfo({ name: 'b' })]), new Set(['a', 'b']));
});

test('in a large cluster not every node is asked, and the next cycle starts where this one stopped', () => {
  const nodes = Array.from({ length: 1_000 }, (_, index) => aNodeInfo({ name: `node-${index}` }));
  const choice = chooseNode(aPodInfo(), nodes, 900, deps);
  assert.ok(choice.fits);
  assert.equal(choice.nodesAsked, 420);
});
