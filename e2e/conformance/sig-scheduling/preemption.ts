/** Pods that make room for others of a higher priority: who has to go, who stays, what those that go are told. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { offerResource, schedulableNodes } from '../framework/nodes.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { createClasses } from '../framework/priority-classes.ts';
import { isUnschedulable, untilScheduled } from '../framework/scheduling.ts';
import { aWorkload, conditionOf, isGoing } from '../framework/workloads.ts';

interface Demand {
  readonly amount: string;
  readonly priorityClassName: string | undefined;
  readonly node?: string;
}

/** A pod that asks for so much of the test's resource, and maybe for a node. */
function aDemandingPod(t: TestScope, name: string, { amount, priorityClassName, node }: Demand): Json {
  const wanted = { [resourceOf(t)]: amount };
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
  const spec = { priorityClassName, ...(node === undefined ? {} : { affinity: { nodeAffinity } }) };
  return aPod(name, { labels: { name }, spec, container: { resources: { requests: wanted, limits: wanted } } });
}

const resourceOf = ({ suffix }: TestScope): string => `example.com/e2e-${suffix}`;

/** Nodes of which four fifths are taken, two pods on each: all of middling priority but the first one. Gives the pods, that one first. */
async function fillNodes(t: TestScope, low: string | undefined, medium: string | undefined): Promise<readonly Json[]> {
  const nodes = (await schedulableNodes(t)).map(({ metadata }) => metadata.name);
  await offerResource(t, nodes, resourceOf(t), '5');
  const pods = t.resource('v1/pods');
  const names = nodes.flatMap((_, index) => [`pod${index}-0`, `pod${index}-1`]);
  for (const [index, name] of names.entries()) {
    const priorityClassName = index === 0 ? low : medium;
    await pods.create(aDemandingPod(t, name, { amount: '2', priorityClassName, node: nodes[Math.floor(index / 2)] ?? '' }));
  }
  return Promise.all(names.map((name) => untilRunning(pods, name)));
}

/** The pod of low priority is gone or going; all the others are as they were. */
async function expectVictim(t: TestScope, [victim, ...others]: readonly Json[]): Promise<void> {
  const { items } = await t.resource('v1/pods').list();
  const found = (pod: Json): Json | undefined => items.find(({ metadata }: Json) => metadata.uid === pod.metadata.uid);
  assert.ok(found(victim) === undefined || isGoing(found(victim)), `${victim.metadata.name} had to go`);
  for (const pod of others) assert.ok(found(pod) !== undefined && !isGoing(found(pod)), `${pod.metadata.name} stays`);
}

async function preempts(t: TestScope): Promise<void> {
  const [low, medium, high] = await createClasses(t, [1, 100, 1_000]);
  const filling = await fillNodes(t, low, medium);
  await t.resource('v1/pods').create(aDemandingPod(t, 'preemptor-pod', { amount: '2', priorityClassName: high }));
  const { spec } = await untilRunning(t.resource('v1/pods'), 'preemptor-pod');
  assert.equal(spec.nodeName, filling[0].spec.nodeName);
  await expectVictim(t, filling);
}

async function preemptsForCritical(t: TestScope): Promise<void> {
  const [low, medium] = await createClasses(t, [1, 100]);
  const filling = await fillNodes(t, low, medium);
  const system = t.resource('v1/pods', 'kube-system');
  const name = `critical-pod-${t.suffix}`;
  t.cleanUp(() => system.delete(name, { gracePeriodSeconds: 0 }));
  await system.create(aDemandingPod(t, name, { amount: '2', priorityClassName: 'system-cluster-critical' }));
  const { spec } = await untilRunning(system, name);
  assert.equal(spec.nodeName, filling[0].spec.nodeName);
  await expectVictim(t, filling);
}

async function tellsDisruption(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const [low, high] = await createClasses(t, [1, 1_000]);
  const [node] = await schedulableNodes(t);
  await offerResource(t, [node.metadata.name], resourceOf(t), '1');
  const demand = { amount: '1', node: node.metadata.name };
  const finalizer = 'example.com/test-finalizer';
  const victim = aDemandingPod(t, 'victim-pod', { ...demand, priorityClassName: low });
  await pods.create({ ...victim, metadata: { ...victim.metadata, finalizers: [finalizer] } });
  t.cleanUp(() => pods.patch('victim-pod', { metadata: { finalizers: null } }));
  await untilRunning(pods, 'victim-pod');
  await pods.create(aDemandingPod(t, 'preemptor-pod', { ...demand, priorityClassName: high }));
  const condition = await pods.until(
    'victim-pod',
    'the victim is told',
    (pod) => pod !== undefined && isGoing(pod) && conditionOf(pod, 'DisruptionTarget'),
  );
  assert.deepEqual([condition.status, condition.reason], ['True', 'PreemptionByScheduler']);
  assert.equal(condition.message, 'default-scheduler: preempting to accommodate a higher priority pod');
  await untilRunning(pods, 'preemptor-pod');
  await pods.patch('victim-pod', { metadata: { finalizers: null } });
  await pods.untilGone('victim-pod');
}

/** ReplicaSets of growing priority fill a node; a pod above them all takes the place of as few of them as it needs, each once. */
async function preemptsReplicas(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const classes = await createClasses(t, [1, 2, 3, 4]);
  const [node] = await schedulableNodes(t);
  await offerResource(t, [node.metadata.name], resourceOf(t), '1000');
  const watch = await pods.watch();
  const demand = (amount: string, index: number) => ({ amount, priorityClassName: classes[index], node: node.metadata.name });
  for (const [index, amount] of ['200', '300', '450'].entries()) {
    const name = `pod${index + 1}`;
    const { metadata, spec } = aDemandingPod(t, name, demand(amount, index));
    const template = { metadata: { labels: metadata.labels }, spec };
    await t
      .resource('apps/v1/replicasets')
      .create(aWorkload('ReplicaSet', `rs-${name}`, { labels: metadata.labels, template, spec: { replicas: 1 } }));
    await t.resource('apps/v1/replicasets').until(`rs-${name}`, 'its pod is available', (found) => found?.status.availableReplicas === 1);
  }
  await pods.create(aDemandingPod(t, 'pod4', demand('500', 3)));
  assert.equal(await untilScheduled(pods, 'pod4'), node.metadata.name);
  // At rest: the pods that take the place of those that went have been looked at, and there is no room for them.
  await pods.untilAll({}, 'the replacements of two pods wait', (found) => {
    const waiting = found.filter(isUnschedulable).map(({ metadata }) => metadata.labels.name);
    return !found.some(isGoing) && waiting.sort().join() === 'pod1,pod2';
  });
  const marker = await pods.create(aPod('marker', { labels: { name: 'marker' } }));
  const made: string[] = [];
  await watch.until('all that was made meanwhile', ({ type, object }) => {
    if (type === 'ADDED') made.push(object.metadata.labels.name);
    return object.metadata.uid === marker.metadata.uid;
  });
  assert.deepEqual(made.sort(), ['marker', 'pod1', 'pod1', 'pod2', 'pod2', 'pod3', 'pod4'], 'two went, once each');
}

const PREFIX = '[sig-scheduling] SchedulerPreemption';

export const preemptionTests: readonly ConformanceTest[] = [
  {
    name: `${PREFIX} PreemptionExecutionPath runs ReplicaSets to verify preemption running path [Conformance] [Serial]`,
    run: preemptsReplicas,
  },
  { name: `${PREFIX} validates basic preemption works [Conformance] [Serial]`, run: preempts },
  { name: `${PREFIX} validates lower priority pod preemption by critical pod [Conformance] [Serial]`, run: preemptsForCritical },
  { name: `${PREFIX} validates pod disruption condition is added to the preempted pod [Conformance] [Serial]`, run: tellsDisruption },
];
