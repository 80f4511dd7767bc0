/** Who must leave so that a more important pod fits, and what is said when nobody can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodDisruptionBudget } from '#api/generated/types.ts';
import { seededRandom } from '#component/random.ts';
import { chooseNode } from '../choose-node.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PostFilterOutcome } from '../plugin.ts';
import { createInterPodAffinity } from '../plugins/inter-pod-affinity.ts';
import { createNodeResourcesFit } from '../plugins/node-resources-fit.ts';
import { nodeUnschedulable } from '../plugins/node-unschedulable.ts';
import { createPodTopologySpread } from '../plugins/pod-topology-spread.ts';
import { type PodInfo, podInfoOf } from '../pod-info.ts';
import { aCycle, aNodeInfo, aPod, aPodInfo } from '../testing/builders.ts';
import { createDefaultPreemption } from './default-preemption.ts';

const filters = [
  nodeUnschedulable,
  createNodeResourcesFit(),
  createPodTopologySpread(() => undefined),
  createInterPodAffinity(() => undefined),
];

function preempt(pod: PodInfo, nodes: readonly NodeInfo[], budgets: readonly PodDisruptionBudget[] = []): PostFilterOutcome | undefined {
  const cycle = aCycle(pod, nodes, filters);
  const choice = chooseNode(cycle, 0, seededRandom(1));
  assert.ok(!choice.fits, 'the pod fits anyway');
  const plugin = createDefaultPreemption({ listBudgets: () => budgets, random: seededRandom(1) });
  return plugin.postFilter?.({ ...cycle, ...choice.diagnosis, whatIf: cycle });
}

const resultOf = (outcome: PostFilterOutcome | undefined) =>
  outcome?.nomination === undefined
    ? outcome?.message
    : `${outcome.nomination.nodeName}: ${outcome.nomination.victims.map(({ pod }) => pod.metadata.name).join(' ')}`;

const cpu = (amount: string) => ({ requests: { cpu: amount } });
const high = aPodInfo({ name: 'high', priority: 100, ...cpu('2') });
const low = (name: string, amount: string, priority = 1, labels = {}) => ({ name, priority, labels, ...cpu(amount) });
const startedAt = (pod: PodInfo, startTime: string): PodInfo => ({ ...pod, pod: { ...pod.pod, status: { startTime } } });

test('as few as needed leave, and the least important', () => {
  assert.equal(resultOf(preempt(high, [aNodeInfo({}, [low('a', '2', 1), low('b', '1', 5), low('c', '1', 3)])])), 'worker-1: a');
  assert.equal(resultOf(preempt(high, [aNodeInfo({}, [low('a', '1', 1), low('b', '1', 5), low('c', '2', 3)])])), 'worker-1: c');
  assert.equal(resultOf(preempt(high, [aNodeInfo({}, [low('a', '1', 1), low('b', '2', 5), low('c', '1', 3)])])), 'worker-1: c a');
});

test('nobody leaves for a pod that would not fit anyway, or that is not more important', () => {
  const node = aNodeInfo({}, [low('a', '4', 1)]);
  const insufficient = 'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
  assert.equal(resultOf(preempt(aPodInfo({ priority: 100, ...cpu('5') }), [node])), insufficient);
  const noVictims = 'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
  assert.equal(resultOf(preempt(aPodInfo({ priority: 1, ...cpu('1') }), [node])), noVictims);
});

test('a node whose trouble is another is not cleared, and the reasons are counted', () => {
  const nodes = [aNodeInfo({ name: 'cordoned', unschedulable: true }, [low('a', '4')]), aNodeInfo({ name: 'full' }, [low('b', '4', 100)])];
  const why =
    'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.';
  assert.equal(resultOf(preempt(high, nodes)), why);
});

test('a pod that must not preempt says so', () => {
  const polite = aPodInfo({ priority: 100, preemptionPolicy: 'Never', ...cpu('2') });
  assert.equal(resultOf(preempt(polite, [aNodeInfo({}, [low('a', '4')])])), 'preemption: not eligible due to preemptionPolicy=Never.');
});

test('while victims are still leaving the nominated node no others are asked to', () => {
  const victim = aPod({ name: 'leaving', priority: 1, ...cpu('4') });
  const metadata = { ...victim.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' };
  const leaving = podInfoOf({ ...victim, metadata, status: { conditions: [condition] } });
  const node = { ...aNodeInfo({}, [low('leaving', '4')]), pods: [leaving] };
  const pod = podInfoOf({ ...high.pod, status: { nominatedNodeName: 'worker-1' } });
  const outcome = preempt(pod, [node]);
  assert.deepEqual(outcome, { message: 'preemption: not eligible due to a terminating pod on the nominated node.', keepsNomination: true });
});

const budget = (disruptionsAllowed: number): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'b', namespace: 'default', uid: 'b', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { selector: { matchLabels: { app: 'web' } } },
  status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
});

test('pods that a budget protects stay if others can go, on the same node and on another', () => {
  const web = { app: 'web' };
  const one = aNodeInfo({}, [low('protected', '2', 1, web), low('b', '2', 5)]);
  assert.equal(resultOf(preempt(high, [one], [budget(0)])), 'worker-1: b');
  assert.equal(resultOf(preempt(high, [one], [budget(1)])), 'worker-1: protected');
  const nodes = [aNodeInfo({ name: 'n1' }, [low('protected', '4', 1, web)]), aNodeInfo({ name: 'n2' }, [low('b', '4', 5)])];
  assert.equal(resultOf(preempt(high, nodes, [budget(0)])), 'n2: b');
});

test('if there is no other way, a budget is violated', () => {
  const node = aNodeInfo({}, [low('protected', '4', 1, { app: 'web' })]);
  assert.equal(resultOf(preempt(high, [node], [budget(0)])), 'worker-1: protected');
});

const onNode = (name: string, ...pods: readonly ReturnType<typeof low>[]) => aNodeInfo({ name }, pods);
const leastHarm = [
  { by: 'the most important victim', nodes: [onNode('n1', low('a', '4', 50)), onNode('n2', low('b', '4', 20))], result: 'n2: b' },
  {
    by: 'the sum of priorities',
    nodes: [onNode('n1', low('a', '2', 50), low('b', '2', 50)), onNode('n2', low('c', '4', 50))],
    result: 'n2: c',
  },
];
for (const { by, nodes, result } of leastHarm) {
  test(`of several nodes the one is cleared where it hurts least, by ${by}`, () => {
    assert.equal(resultOf(preempt(aPodInfo({ name: 'high', priority: 100, ...cpu('4') }), nodes)), result);
  });
}

test('of equal victims those go that have been running for less long', () => {
  const young = startedAt(aPodInfo(low('young', '4')), '2026-01-02T00:00:00Z');
  const old = startedAt(aPodInfo(low('old', '4')), '2026-01-01T00:00:00Z');
  const nodes = [
    { ...aNodeInfo({ name: 'n1' }, [low('old', '4')]), pods: [old] },
    { ...aNodeInfo({ name: 'n2' }, [low('young', '4')]), pods: [young] },
  ];
  assert.equal(resultOf(preempt(high, nodes)), 'n2: young');
});

test('who is in the way by anti-affinity or by spreading can be made to leave, too', () => {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } };
  const shy = aPodInfo({
    name: 'shy',
    priority: 100,
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
  });
  assert.equal(resultOf(preempt(shy, [aNodeInfo({}, [low('other', '1'), low('db', '1', 1, { app: 'db' })])])), 'worker-1: db');
  const spread = aPodInfo({
    name: 'spread',
    priority: 100,
    labels: { app: 'db' },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'db' } } },
    ],
  });
  const nodes = [
    aNodeInfo({ name: 'n1', labels: { zone: 'east' } }, [low('one', '1', 1, { app: 'db' })]),
    aNodeInfo({ name: 'n2', labels: { zone: 'west' }, unschedulable: true }),
  ];
  assert.equal(resultOf(preempt(spread, nodes)), 'n1: one');
});

test('looking for victims leaves the filters as they were', () => {
  const term = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'db' } } };
  const shy = aPodInfo({ priority: 100, affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } });
  const node = aNodeInfo({ labels: { zone: 'east' } }, [low('db', '1', 1, { app: 'db' }), low('db2', '1', 200, { app: 'db' })]);
  const cycle = aCycle(shy, [node], filters);
  const before = cycle.rejectionOf(node);
  const choice = chooseNode(cycle, 0, seededRandom(1));
  assert.ok(!choice.fits);
  const plugin = createDefaultPreemption({ listBudgets: () => [], random: seededRandom(1) });
  const outcome = plugin.postFilter?.({ ...cycle, ...choice.diagnosis, whatIf: cycle });
  assert.equal(outcome?.message, "preemption: 0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.");
  assert.deepEqual(cycle.rejectionOf(node), before);
});
