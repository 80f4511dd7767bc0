import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#component/random.ts';
import { chooseNode } from './choose-node.ts';
import { failureMessage } from './failure-message.ts';
import type { NodeInfo } from './node-info.ts';
import { createNominations } from './nominations.ts';
import { createNodeAffinity } from './plugins/node-affinity.ts';
import { createNodeResourcesFit } from './plugins/node-resources-fit.ts';
import { taintToleration } from './plugins/taint-toleration.ts';
import type { PodInfo } from './pod-info.ts';
import { aCycle, aNodeInfo, aPodInfo } from './testing/builders.ts';

const random = seededRandom(1);
const plugins = [taintToleration, createNodeAffinity(), createNodeResourcesFit()];
const choose = (pod: PodInfo, nodes: readonly NodeInfo[], startAt = 0) => chooseNode(aCycle(pod, nodes, plugins), startAt, random);
const controlPlane = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

function reasonOf(pod: PodInfo, nodes: readonly NodeInfo[]): string {
  const choice = choose(pod, nodes);
  return choice.fits ? 'fits' : failureMessage(choice.diagnosis, '');
}

test('a pod that fits nowhere is told how many nodes refused it and why, and it is known which plugins did', () => {
  const nodes = [
    aNodeInfo({ name: 'control-plane', taints: [controlPlane] }),
    aNodeInfo({ name: 'worker-1', allocatable: { cpu: '1' } }),
    aNodeInfo({ name: 'worker-2', allocatable: { cpu: '1' } }),
  ];
  const choice = choose(aPodInfo({ requests: { cpu: '2' } }), nodes);
  assert.ok(!choice.fits);
  assert.equal(failureMessage(choice.diagnosis, ''), '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.');
  assert.deepEqual(choice.diagnosis.rejectedBy, new Set(['TaintToleration', 'NodeResourcesFit']));
});

test('without nodes there is one thing to say', () => {
  assert.equal(reasonOf(aPodInfo(), []), 'no nodes available to schedule pods');
});

test('the emptier node wins; dice decide between equals', () => {
  const busy = aNodeInfo({ name: 'busy' }, [{ requests: { cpu: '2', memory: '4Gi' } }]);
  const winners = (nodes: readonly NodeInfo[]) =>
    new Set(
      Array.from({ length: 50 }, () => {
        const choice = choose(aPodInfo(), nodes);
        return choice.fits ? choice.nodeName : '';
      }),
    );
  assert.deepEqual(winners([busy, aNodeInfo({ name: 'idle' })]), new Set(['idle']));
  assert.deepEqual(winners([aNodeInfo({ name: 'a' }), aNodeInfo({ name: 'b' })]), new Set(['a', 'b']));
});

test('in a large cluster not every node is asked, and the next cycle starts where this one stopped', () => {
  const nodes = Array.from({ length: 1_000 }, (_, index) => aNodeInfo({ name: `node-${index}` }));
  const choice = choose(aPodInfo(), nodes, 900);
  assert.ok(choice.fits);
  assert.equal(choice.nodesAsked, 420);
});

test('a percentage in the profile takes the place of the one that falls with the size of the cluster', () => {
  const nodes = Array.from({ length: 1_000 }, (_, index) => aNodeInfo({ name: `node-${index}` }));
  const cycle = aCycle(aPodInfo(), nodes, plugins);
  const choice = chooseNode({ ...cycle, profile: { ...cycle.profile, percentageOfNodesToScore: 70 } }, 0, random);
  assert.equal(choice.nodesAsked, 700);
});

const onNode = (...values: readonly string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }],
      },
    },
  },
});

test('only the nodes that an affinity names are asked', () => {
  const nodes = Array.from({ length: 1_000 }, (_, index) => aNodeInfo({ name: `node-${index}` }));
  const choice = choose(aPodInfo(onNode('node-7')), nodes);
  assert.deepEqual(choice, { fits: true, nodesAsked: 1, nodeName: 'node-7' });
});

test('a pod for one node that is full is told about that one, and that the others were not what it asks for', () => {
  const nodes = ['a', 'b', 'c'].map((name) => aNodeInfo({ name, allocatable: { cpu: '1' } }));
  const pod = aPodInfo({ requests: { cpu: '2' }, ...onNode('b') });
  assert.equal(reasonOf(pod, nodes), "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].");
});

test('a node that is being cleared for a pod keeps its room from those that come after it, not from those before', () => {
  const node = aNodeInfo({ allocatable: { cpu: '1' } });
  const nominations = createNominations();
  nominations.set(aPodInfo({ name: 'waiting', priority: 10, requests: { cpu: '1' } }), 'worker-1');
  const fitsFor = (priority: number) =>
    chooseNode(aCycle(aPodInfo({ name: 'newcomer', priority, requests: { cpu: '500m' } }), [node], plugins, nominations), 0, random).fits;
  assert.deepEqual([fitsFor(9), fitsFor(10), fitsFor(11)], [false, false, true]);
});

test('a pod takes the node that was cleared for it, although another looks better', () => {
  const nodes = [aNodeInfo({ name: 'empty' }), aNodeInfo({ name: 'cleared' }, [{ requests: { cpu: '1' } }])];
  const pod = aPodInfo();
  const waiting = { ...pod, pod: { ...pod.pod, status: { nominatedNodeName: 'cleared' } } };
  assert.deepEqual(choose(waiting, nodes), { fits: true, nodesAsked: 0, nodeName: 'cleared' });
});
