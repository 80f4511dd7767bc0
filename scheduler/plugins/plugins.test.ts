/** Every plugin as a table: one pod, one node, whether it fits and what a user is told, or how nodes compare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeInfo } from '../node-info.ts';
import { fits, type SchedulerPlugin } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { aNodeInfo, aPodInfo, aSnapshot } from '../testing/builders.ts';
import { createBalancedAllocation } from './balanced-allocation.ts';
import { createNodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { createNodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { createPodTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';

function filterOne(plugin: SchedulerPlugin, pod: PodInfo, node: NodeInfo, nodes: readonly NodeInfo[] = [node]): readonly string[] {
  const verdict = plugin.prepare?.(pod, aSnapshot(nodes))?.filter?.(node) ?? fits;
  return verdict.fits ? [] : verdict.reasons;
}

function scoreAll(plugin: SchedulerPlugin, pod: PodInfo, nodes: readonly NodeInfo[]): readonly number[] | undefined {
  const scorer = plugin.prepare?.(pod, aSnapshot(nodes))?.prepareScore?.(nodes);
  const raw = scorer && nodes.map((node) => scorer.score(node));
  return raw && (scorer.normalise?.(raw) ?? raw);
}

const nodeAffinity = createNodeAffinity();
const nodeResourcesFit = createNodeResourcesFit();
const balancedAllocation = createBalancedAllocation();

const dedicated = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
const preferOthers = { key: 'slow', effect: 'PreferNoSchedule' };
const untolerated = ['node(s) had untolerated taint(s)'];
const wrongNode = ["node(s) didn't match Pod's node affinity/selector"];
const portTaken = ["node(s) didn't have free ports for the requested pod ports"];

const nodesWith = (operator: string, values: readonly string[] = [], key = 'disk') => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }] },
  },
});

const filters = [
  { it: 'lets a pod onto a plain node', plugin: nodeUnschedulable, pod: aPodInfo(), node: aNodeInfo(), reasons: [] },
  {
    it: 'keeps a pod off a cordoned node',
    plugin: nodeUnschedulable,
    pod: aPodInfo(),
    node: aNodeInfo({ unschedulable: true }),
    reasons: ['node(s) were unschedulable'],
  },
  {
    it: 'lets a pod that tolerates it onto a cordoned node',
    plugin: nodeUnschedulable,
    pod: aPodInfo({ tolerations: [{ operator: 'Exists' }] }),
    node: aNodeInfo({ unschedulable: true }),
    reasons: [],
  },
  {
    it: 'keeps a pod off a node it does not name',
    plugin: nodeName,
    pod: aPodInfo({ nodeName: 'other' }),
    node: aNodeInfo(),
    reasons: ["node(s) didn't match the requested node name"],
  },
  {
    it: 'keeps an intolerant pod off',
    plugin: taintToleration,
    pod: aPodInfo(),
    node: aNodeInfo({ taints: [dedicated] }),
    reasons: untolerated,
  },
  { it: 'ignores PreferNoSchedule', plugin: taintToleration, pod: aPodInfo(), node: aNodeInfo({ taints: [preferOthers] }), reasons: [] },
  {
    it: 'takes an equal toleration',
    plugin: taintToleration,
    pod: aPodInfo({ tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }] }),
    node: aNodeInfo({ taints: [dedicated] }),
    reasons: [],
  },
  {
    it: 'does not take a toleration of another value',
    plugin: taintToleration,
    pod: aPodInfo({ tolerations: [{ key: 'dedicated', value: 'web' }] }),
    node: aNodeInfo({ taints: [dedicated] }),
    reasons: untolerated,
  },
  {
    it: 'does not take a toleration of another effect',
    plugin: taintToleration,
    pod: aPodInfo({ tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }] }),
    node: aNodeInfo({ taints: [dedicated] }),
    reasons: untolerated,
  },
  {
    it: 'asks for every label of the node selector',
    plugin: nodeAffinity,
    pod: aPodInfo({ nodeSelector: { disk: 'ssd', zone: 'a' } }),
    node: aNodeInfo({ labels: { disk: 'ssd' } }),
    reasons: wrongNode,
  },
  {
    it: 'In wants one of the values',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('In', ['ssd', 'nvme']) }),
    node: aNodeInfo({ labels: { disk: 'nvme' } }),
    reasons: [],
  },
  {
    it: 'In wants the label',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('In', ['ssd']) }),
    node: aNodeInfo(),
    reasons: wrongNode,
  },
  {
    it: 'NotIn takes a node without the label',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('NotIn', ['ssd']) }),
    node: aNodeInfo(),
    reasons: [],
  },
  {
    it: 'DoesNotExist refuses the label',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('DoesNotExist') }),
    node: aNodeInfo({ labels: { disk: '' } }),
    reasons: wrongNode,
  },
  {
    it: 'Gt compares numbers',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('Gt', ['9'], 'cores') }),
    node: aNodeInfo({ labels: { cores: '10' } }),
    reasons: [],
  },
  {
    it: 'Lt takes no text',
    plugin: nodeAffinity,
    pod: aPodInfo({ affinity: nodesWith('Lt', ['9'], 'cores') }),
    node: aNodeInfo({ labels: { cores: 'few' } }),
    reasons: wrongNode,
  },
  {
    it: 'finds a node by its name as a field',
    plugin: nodeAffinity,
    pod: aPodInfo({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['worker-2'] }] }],
          },
        },
      },
    }),
    node: aNodeInfo({ name: 'worker-2' }),
    reasons: [],
  },
  {
    it: 'gives a host port only once',
    plugin: nodePorts,
    pod: aPodInfo({ hostPort: 80 }),
    node: aNodeInfo({}, [{ hostPort: 80 }]),
    reasons: portTaken,
  },
  {
    it: 'gives different host ports',
    plugin: nodePorts,
    pod: aPodInfo({ hostPort: 80 }),
    node: aNodeInfo({}, [{ hostPort: 81 }]),
    reasons: [],
  },
  {
    it: 'counts what runs already',
    plugin: nodeResourcesFit,
    pod: aPodInfo({ requests: { cpu: '1' } }),
    node: aNodeInfo({}, [{ requests: { cpu: '3001m' } }]),
    reasons: ['Insufficient cpu'],
  },
  {
    it: 'fills a node to the brim',
    plugin: nodeResourcesFit,
    pod: aPodInfo({ requests: { cpu: '1' } }),
    node: aNodeInfo({}, [{ requests: { cpu: '3' } }]),
    reasons: [],
  },
  {
    it: 'names everything that is short',
    plugin: nodeResourcesFit,
    pod: aPodInfo({ requests: { cpu: '5', memory: '9Gi', 'example.com/gpu': '1' } }),
    node: aNodeInfo({ allocatable: { pods: '0' } }),
    reasons: ['Too many pods', 'Insufficient cpu', 'Insufficient memory', 'Insufficient example.com/gpu'],
  },
];
for (const { it, plugin, pod, node, reasons } of filters) {
  test(`${plugin.name} ${it}`, () => assert.deepEqual(filterOne(plugin, pod, node), reasons));
}

test('TaintToleration prefers nodes without soft taints', () => {
  const nodes = [aNodeInfo({ taints: [preferOthers] }), aNodeInfo({ name: 'worker-2' })];
  assert.deepEqual(scoreAll(taintToleration, aPodInfo(), nodes), [0, 100]);
});

test('NodeAffinity adds up the weights of preferred terms', () => {
  const prefer = (value: string, weight: number) => ({
    weight,
    preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] },
  });
  const pod = aPodInfo({
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [prefer('ssd', 10), prefer('nvme', 40)] } },
  });
  const nodes = [aNodeInfo({ labels: { disk: 'ssd' } }), aNodeInfo({ labels: { disk: 'nvme' } }), aNodeInfo()];
  assert.deepEqual(scoreAll(nodeAffinity, pod, nodes), [25, 100, 0]);
});

test('NodeResourcesFit prefers the emptier node, counting something for pods that ask for nothing', () => {
  const nodes = [aNodeInfo({}, [{}, {}]), aNodeInfo({}, [{}]), aNodeInfo({}, [{ requests: { cpu: '2', memory: '4Gi' } }])];
  const [two = 0, one = 0, half = 0] = scoreAll(nodeResourcesFit, aPodInfo(), nodes) ?? [];
  assert.ok(one > two && two > half, `${one} > ${two} > ${half}`);
});

test('NodeResourcesBalancedAllocation prefers a node used in like measure, and has no opinion on a pod that asks for nothing', () => {
  const nodes = [aNodeInfo({}, [{ requests: { cpu: '3' } }]), aNodeInfo({}, [{ requests: { cpu: '1', memory: '2Gi' } }])];
  const [lopsided = 0, balanced = 0] = scoreAll(balancedAllocation, aPodInfo({ requests: { cpu: '1', memory: '2Gi' } }), nodes) ?? [];
  assert.ok(balanced === 100 && lopsided < 70, `${balanced}, ${lopsided}`);
  assert.equal(scoreAll(balancedAllocation, aPodInfo(), nodes), undefined);
});

const web = { app: 'web' };
const spread = createPodTopologySpread(() => (other) => other.labels.app === 'web');
const constraint = (whenUnsatisfiable: string, topologyKey = 'zone') => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector: { matchLabels: web } }],
});

test('PodTopologySpread prefers the host with fewer of its like, for any pod that is one of several', () => {
  const nodes = [aNodeInfo({ name: 'a' }, [{ labels: web }]), aNodeInfo({ name: 'b' }, [{ labels: { app: 'other' } }])];
  const [taken = 0, free = 0] = scoreAll(spread, aPodInfo({ labels: web }), nodes) ?? [];
  assert.ok(free > taken, `${free} > ${taken}`);
});

test('PodTopologySpread has no opinion on a pod that is on its own', () => {
  assert.equal(
    scoreAll(
      createPodTopologySpread(() => undefined),
      aPodInfo(),
      [aNodeInfo(), aNodeInfo({ name: 'b' })],
    ),
    undefined,
  );
});

test('PodTopologySpread refuses a zone that would get too far ahead, and a node without the label', () => {
  const nodes = [
    aNodeInfo({ name: 'a', labels: { zone: 'east' } }, [{ labels: web }]),
    aNodeInfo({ name: 'b', labels: { zone: 'west' } }),
    aNodeInfo({ name: 'c' }),
  ];
  const pod = aPodInfo({ labels: web, ...constraint('DoNotSchedule') });
  assert.deepEqual(
    nodes.map((node) => filterOne(spread, pod, node, nodes)),
    [
      ["node(s) didn't match pod topology spread constraints"],
      [],
      ["node(s) didn't match pod topology spread constraints (missing required label)"],
    ],
  );
});

test('PodTopologySpread counts neither pods of other namespaces nor nodes that the pod may not use', () => {
  const nodes = [
    aNodeInfo({ name: 'a', labels: { zone: 'east', pool: 'mine' } }, [{ labels: web }]),
    aNodeInfo({ name: 'b', labels: { zone: 'west' } }),
  ];
  const pod = aPodInfo({ labels: web, nodeSelector: { pool: 'mine' }, ...constraint('DoNotSchedule') });
  assert.deepEqual(filterOne(spread, pod, nodes[0] ?? aNodeInfo(), nodes), []);
});

test('PodTopologySpread scores a node without the label of a wish as worst', () => {
  const nodes = [aNodeInfo({ name: 'a', labels: { zone: 'east' } }, [{ labels: web }]), aNodeInfo({ name: 'c' })];
  assert.deepEqual(scoreAll(spread, aPodInfo({ labels: web, ...constraint('ScheduleAnyway') }), nodes), [100, 0]);
});
