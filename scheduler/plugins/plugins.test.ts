/** Every plugin as a table: one pod, one node, whether it fits and what a user is told, or how nodes compare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeInfo } from '../node-info.ts';
import { fits, type SchedulerPlugin } from '../plugin.ts';
import { type PodInfo, podInfoOf } from '../pod-info.ts';
import { aNodeInfo, aPodInfo, aSnapshot } from '../testing/builders.ts';
import { createBalancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
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

test('PodTopologySpread counts missing domains as empty when it is told how many there should be', () => {
  const nodes = [aNodeInfo({ labels: { zone: 'east' } }, [{ labels: web }])];
  const pod = (minDomains: number) =>
    aPodInfo({
      labels: web,
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', minDomains, labelSelector: { matchLabels: web } },
      ],
    });
  const [node = aNodeInfo()] = nodes;
  assert.deepEqual(filterOne(spread, pod(1), node, nodes), []);
  assert.deepEqual(filterOne(spread, pod(2), node, nodes), ["node(s) didn't match pod topology spread constraints"]);
});

test('PodTopologySpread counts by the labels that match keys name, too, and pods that are ending no more', () => {
  const ending = aPodInfo({ labels: { ...web, version: '1' } });
  const gone = podInfoOf({ ...ending.pod, metadata: { ...ending.pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  const east = aNodeInfo({ name: 'a', labels: { zone: 'east' } }, [{ labels: { ...web, version: '2' } }]);
  const nodes = [{ ...east, pods: [...east.pods, gone] }, aNodeInfo({ name: 'b', labels: { zone: 'west' } })];
  const pod = (version: string) =>
    aPodInfo({
      labels: { ...web, version },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          matchLabelKeys: ['version'],
          labelSelector: { matchLabels: web },
        },
      ],
    });
  const [node = aNodeInfo()] = nodes;
  assert.deepEqual(filterOne(spread, pod('1'), node, nodes), []);
  assert.equal(filterOne(spread, pod('2'), node, nodes).length, 1);
});

test('PodTopologySpread leaves out nodes with taints that the pod does not tolerate, when told to', () => {
  const nodes = [
    aNodeInfo({ name: 'a', labels: { zone: 'east' } }, [{ labels: web }]),
    aNodeInfo({ name: 'b', labels: { zone: 'west' }, taints: [dedicated] }),
  ];
  const pod = (nodeTaintsPolicy: string) =>
    aPodInfo({
      labels: web,
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy, labelSelector: { matchLabels: web } },
      ],
    });
  const [node = aNodeInfo()] = nodes;
  assert.equal(filterOne(spread, pod('Ignore'), node, nodes).length, 1);
  assert.deepEqual(filterOne(spread, pod('Honor'), node, nodes), []);
});

test('PodTopologySpread takes the constraints of its configuration for pods that have none', () => {
  const listed = createPodTopologySpread(() => (other) => other.labels.app === 'web', {
    defaultingType: 'List',
    defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
  });
  const nodes = [aNodeInfo({ name: 'a', labels: { zone: 'east' } }, [{ labels: web }]), aNodeInfo({ name: 'b', labels: { zone: 'west' } })];
  assert.deepEqual(
    nodes.map((node) => filterOne(listed, aPodInfo({ labels: web }), node, nodes).length),
    [1, 0],
  );
});

test('NodeAffinity adds the affinity of its configuration to that of every pod', () => {
  const { nodeAffinity: addedAffinity } = nodesWith('In', ['ssd']);
  const plugin = createNodeAffinity({ addedAffinity });
  assert.deepEqual(filterOne(plugin, aPodInfo(), aNodeInfo()), ["node(s) didn't match scheduler-enforced node affinity"]);
  assert.deepEqual(filterOne(plugin, aPodInfo(), aNodeInfo({ labels: { disk: 'ssd' } })), []);
});

const strategies = [
  { type: 'LeastAllocated', shape: undefined, scores: [75, 25] },
  { type: 'MostAllocated', shape: undefined, scores: [25, 75] },
  {
    type: 'RequestedToCapacityRatio',
    shape: [
      { utilization: 0, score: 10 },
      { utilization: 50, score: 0 },
      { utilization: 100, score: 10 },
    ],
    scores: [50, 50],
  },
] as const;
for (const { type, shape, scores } of strategies) {
  test(`NodeResourcesFit scores an emptier and a fuller node by ${type}`, () => {
    const resources = [{ name: 'cpu', weight: 1 }];
    const plugin = createNodeResourcesFit({ scoringStrategy: { type, resources, ...(shape === undefined ? {} : { shape }) } });
    const nodes = [aNodeInfo({ name: 'empty' }), aNodeInfo({ name: 'half' }, [{ requests: { cpu: '2' } }])];
    assert.deepEqual(scoreAll(plugin, aPodInfo({ requests: { cpu: '1' } }), nodes), scores);
  });
}

test('NodeResourcesFit leaves uncounted what it is told to', () => {
  const pod = aPodInfo({ requests: { 'example.com/gpu': '1', 'other.org/nic': '1' } });
  const scoringStrategy = { type: 'LeastAllocated', resources: [] } as const;
  const plugin = createNodeResourcesFit({ scoringStrategy, ignoredResourceGroups: ['example.com'] });
  assert.deepEqual(filterOne(plugin, pod, aNodeInfo()), ['Insufficient other.org/nic']);
});

test('NodeResourcesFit counts overhead, sidecars and the largest init container', () => {
  const request = (cpu: string) => ({ resources: { requests: { cpu } } });
  const pod = aPodInfo({
    overhead: { cpu: '1' },
    initContainers: [
      { name: 'sidecar', image: 'sidecar', restartPolicy: 'Always', ...request('1') },
      { name: 'init', image: 'init', ...request('500m') },
    ],
    containers: [{ name: 'main', image: 'main', ...request('2001m') }],
  });
  assert.deepEqual(filterOne(nodeResourcesFit, pod, aNodeInfo()), ['Insufficient cpu']);
});

test('ImageLocality prefers the node that has the image, if it is a large one', () => {
  const having = (name: string, sizeBytes: number): NodeInfo => ({
    ...aNodeInfo({ name }),
    images: new Map([['example.com/main:latest', sizeBytes]]),
  });
  const [here = 0, there = 0] = scoreAll(imageLocality, aPodInfo(), [having('a', 800 * 1024 ** 2), aNodeInfo({ name: 'b' })]) ?? [];
  assert.ok(here > there && there === 0, `${here} > ${there}`);
  assert.deepEqual(scoreAll(imageLocality, aPodInfo(), [having('a', 1024), aNodeInfo({ name: 'b' })]), [0, 0]);
  assert.equal(scoreAll(imageLocality, aPodInfo(), [aNodeInfo()]), undefined);
});
