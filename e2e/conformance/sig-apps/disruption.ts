/** PodDisruptionBudgets: their lives as objects, what their status tells, and evictions that ask them. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually, expectRefusal } from '../framework/expect.ts';
import { isReady } from '../framework/pods.ts';
import { aWorkload, conditionOf, untilPodsReady } from '../framework/workloads.ts';

const BUDGETS = 'policy/v1/poddisruptionbudgets';
const LABELS = { foo: 'bar' };

const aBudget = (name: string, spec: Json, labels: Json = {}): Json => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, labels },
  spec: { selector: { matchLabels: LABELS }, ...spec },
});

/** Resolves when the controller has worked the budget's present generation out. */
function untilObserved(t: TestScope, name: string): Promise<Json> {
  return t
    .resource(BUDGETS)
    .until(name, `${name} is observed`, (found) => found?.status?.observedGeneration >= found?.metadata.generation && found);
}

async function listsAndDeletes(t: TestScope): Promise<void> {
  const other = await t.createNamespace('conformance-other');
  const labels = { 'e2e-budgets': t.suffix };
  const labelSelector = `e2e-budgets=${t.suffix}`;
  await t.resource(BUDGETS).create(aBudget('foo', { minAvailable: 2 }, labels));
  await t.resource(BUDGETS).create(aBudget('foo2', { minAvailable: '1%' }, labels));
  await t.resource(BUDGETS, other).create(aBudget('foo', { minAvailable: 2 }, labels));
  const namesIn = async (namespace: string): Promise<readonly string[]> => {
    const { items } = await t.resource(BUDGETS, namespace).list({ labelSelector });
    return items.map(({ metadata }: Json) => `${metadata.namespace}/${metadata.name}`).sort();
  };
  const own = [`${t.namespace}/foo`, `${t.namespace}/foo2`];
  assert.deepEqual(await namesIn(''), [...own, `${other}/foo`].sort());
  assert.deepEqual(await namesIn(t.namespace), own);
  await t.resource(BUDGETS).deleteCollection({ labelSelector });
  await t.resource(BUDGETS).untilAll({ labelSelector }, 'the budgets of the namespace are gone', (items) => items.length === 0);
  assert.deepEqual(await namesIn(''), [`${other}/foo`]);
}

async function lives(t: TestScope): Promise<void> {
  const budgets = t.resource(BUDGETS);
  await budgets.create(aBudget('foo', { minAvailable: '1%' }));
  await untilObserved(t, 'foo');
  assert.equal((await budgets.get('foo')).spec.minAvailable, '1%');
  const updated = await budgets.change('foo', (budget) => {
    budget.spec.minAvailable = '2%';
  });
  assert.equal(updated.spec.minAvailable, '2%');
  await untilObserved(t, 'foo');
  const patched = await budgets.patch('foo', { spec: { minAvailable: '3%' } }, { type: 'strategic' });
  assert.equal(patched.spec.minAvailable, '3%');
  assert.ok(patched.metadata.generation > updated.metadata.generation);
  await untilObserved(t, 'foo');
  await budgets.delete('foo');
  await budgets.untilGone('foo');
  await expectRefusal(budgets.get('foo'), { reason: 'NotFound' });
}

async function startPods(t: TestScope, replicas: number): Promise<readonly Json[]> {
  await t.resource('apps/v1/replicasets').create(aWorkload('ReplicaSet', 'rs', { labels: LABELS, spec: { replicas } }));
  return untilPodsReady(t, LABELS, replicas);
}

/** What the status counts; `expectedPods` and the rest are left out by the server where they are 0. */
function untilCounts(t: TestScope, name: string, counts: Readonly<Record<string, number>>): Promise<Json> {
  const isSo = (status: Json): boolean => Object.entries(counts).every(([field, count]) => (status[field] ?? 0) === count);
  return t.resource(BUDGETS).until(name, `${name} counts ${JSON.stringify(counts)}`, (found) => isSo(found?.status ?? {}) && found);
}

async function tellsStatus(t: TestScope): Promise<void> {
  await t.resource(BUDGETS).create(aBudget('foo', { minAvailable: 1 }));
  const before = await untilObserved(t, 'foo');
  assert.deepEqual([before.status.disruptionsAllowed, before.status.currentHealthy], [0, 0]);
  await startPods(t, 2);
  const { status } = await untilCounts(t, 'foo', { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 });
  assert.deepEqual(
    [conditionOf({ status }, 'DisruptionAllowed')?.status, conditionOf({ status }, 'DisruptionAllowed')?.reason],
    ['True', 'SufficientPods'],
  );
}

async function changesStatus(t: TestScope): Promise<void> {
  const budgets = t.resource(BUDGETS);
  await budgets.create(aBudget('foo', { minAvailable: 1 }));
  await startPods(t, 3);
  await untilCounts(t, 'foo', { disruptionsAllowed: 2 });
  const disrupted = (name: string) => ({ [name]: new Date().toISOString().replace(/\.\d+/, '') });
  const updated = await budgets.change(
    'foo',
    (budget) => {
      budget.status.disruptedPods = disrupted('pod-0');
    },
    'status',
  );
  assert.deepEqual(Object.keys(updated.status.disruptedPods), ['pod-0']);
  // Both are pods that nobody deletes, so the controller takes them out again: what is asked for is that the server did as it was told.
  const patched = await budgets.patch(
    'foo',
    { status: { disruptedPods: { 'pod-0': null, ...disrupted('pod-1') } } },
    { subresource: 'status' },
  );
  assert.deepEqual(Object.keys(patched.status.disruptedPods), ['pod-1']);
}

function evict(t: TestScope, pod: Json): Promise<Json> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod.metadata.name, namespace: t.namespace } };
  return t.cluster.request({ method: 'POST', path: `${t.resource('v1/pods').path}/${pod.metadata.name}/eviction`, body });
}

async function expectBlocked(t: TestScope, pod: Json): Promise<void> {
  const { code, details } = await expectRefusal(evict(t, pod), {
    reason: 'TooManyRequests',
    message: "violate the pod's disruption budget",
  });
  assert.equal(code, 429);
  const causes: readonly Json[] = details?.causes ?? [];
  assert.ok(
    causes.some(({ reason }) => reason === 'DisruptionBudget'),
    JSON.stringify(details),
  );
}

async function blocksEvictions(t: TestScope): Promise<void> {
  const budgets = t.resource(BUDGETS);
  await budgets.create(aBudget('foo', { minAvailable: 3 }));
  const [pod] = await startPods(t, 3);
  await untilCounts(t, 'foo', { currentHealthy: 3, disruptionsAllowed: 0 });
  await expectBlocked(t, pod);
  await budgets.change('foo', (budget) => {
    budget.spec.minAvailable = 2;
  });
  await eventually('the pod may be evicted', () => evict(t, pod));
  await t.resource('v1/pods').untilGone(pod.metadata.name);
  const [next] = await untilPodsReady(t, LABELS, 3);
  await budgets.patch('foo', { spec: { minAvailable: null, maxUnavailable: 0 } });
  await untilObserved(t, 'foo');
  await expectBlocked(t, next);
  await budgets.delete('foo');
  await budgets.untilGone('foo');
  await evict(t, next);
  await t.resource('v1/pods').untilGone(next.metadata.name);
  await t
    .resource('v1/pods')
    .untilAll({ labelSelector: 'foo=bar' }, 'three pods are ready again', (pods) => pods.filter(isReady).length === 3);
}

const PREFIX = '[sig-apps] DisruptionController';

export const disruptionTests: readonly ConformanceTest[] = [
  {
    name: `${PREFIX} Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]`,
    run: listsAndDeletes,
  },
  { name: `${PREFIX} should block an eviction until the PDB is updated to allow it [Conformance]`, run: blocksEvictions },
  { name: `${PREFIX} should create a PodDisruptionBudget [Conformance]`, run: lives },
  { name: `${PREFIX} should observe PodDisruptionBudget status updated [Conformance]`, run: tellsStatus },
  { name: `${PREFIX} should update/patch PodDisruptionBudget status [Conformance]`, run: changesStatus },
];
