/**
 * StatefulSets: pods in order, with names that stay, updated one at a time and by partition; and their lives as objects. A pod is made unhealthy by moving
 * away the page that its readiness probe asks for. That nothing happens meanwhile is told by the watch of the pods, read to its end afterwards.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { OTHER_IMAGE, WORKLOAD_IMAGE } from '../framework/image.ts';
import { schedulableNodes } from '../framework/nodes.ts';
import { aPod, aTemplate, isReady, READINESS, untilRunning } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { checkScale } from '../framework/scale-operations.ts';
import { checkStatusEndpoints } from '../framework/status-operations.ts';
import type { Watch, WatchEvent } from '../framework/watch.ts';
import { aWorkload, isGoing, selectorOf } from '../framework/workloads.ts';

const STATEFUL_SETS = 'apps/v1/statefulsets';
const LABELS = { foo: 'bar', baz: 'blah' };
const SELECTED = { labelSelector: selectorOf(LABELS) };
const PAGE = '/tmp/index.html';
const HASH = 'controller-revision-hash';
/** Three pods, one after the other, on a machine that does much else. */
const PODS_MS_MAX = 180_000;

const imageOf = ({ spec }: Json): string => spec.containers[0].image;
const byName = (one: Json, other: Json): number => one.metadata.name.localeCompare(other.metadata.name);

/** The headless Service, and a StatefulSet whose pods are ready as long as they have their page. */
async function createSet(t: TestScope, name: string, spec: Json): Promise<Json> {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'test' },
    spec: { clusterIP: 'None', selector: LABELS, ports: [{ port: 80 }] },
  };
  await t.resource('v1/services').create(service);
  const specOf = await createProgram(t, 'web-server');
  const readinessProbe = { ...READINESS, httpGet: { path: '/index.html', port: 80 }, failureThreshold: 1 };
  const template = { metadata: { labels: LABELS }, spec: { ...specOf(['80'], { readinessProbe }), terminationGracePeriodSeconds: 1 } };
  return t
    .resource(STATEFUL_SETS)
    .create(aWorkload('StatefulSet', name, { labels: LABELS, template, spec: { serviceName: 'test', ...spec } }));
}

/** The set's pods by their order, as soon as they are these many and each is as it should be. */
function untilPods(t: TestScope, count: number, what: string, check: (pod: Json, ordinal: number) => boolean): Promise<readonly Json[]> {
  return t.resource('v1/pods').untilAll(
    SELECTED,
    what,
    (found) => {
      const pods = found.toSorted(byName);
      return pods.length === count && pods.every((pod, ordinal) => !isGoing(pod) && check(pod, ordinal)) && pods;
    },
    PODS_MS_MAX,
  );
}

const untilReady = (t: TestScope, count: number): Promise<readonly Json[]> => untilPods(t, count, `${count} pods are ready`, isReady);

/** The status of the present generation, as soon as it is as it should be. */
function untilStatus(t: TestScope, name: string, what: string, check: (status: Json) => boolean = () => true): Promise<Json> {
  return t
    .resource(STATEFUL_SETS)
    .until(
      name,
      what,
      (found) => found?.status.observedGeneration >= found?.metadata.generation && check(found?.status) && found,
      PODS_MS_MAX,
    );
}

async function setHealth(t: TestScope, pod: string, isHealthy: boolean): Promise<void> {
  const move = isHealthy ? [`${PAGE}.away`, PAGE] : [PAGE, `${PAGE}.away`];
  await t.kubectl(['exec', pod, '--', 'mv', ...move]);
  await t.resource('v1/pods').until(pod, `${pod} is ${isHealthy ? '' : 'not '}ready`, (found) => isReady(found) === isHealthy);
}

function scale(t: TestScope, name: string, replicas: number): Promise<Json> {
  return t.resource(STATEFUL_SETS).patch(name, { spec: { replicas } });
}

interface Change {
  readonly type: string;
  readonly name: string;
  /** The pods that are ready at that moment. */
  readonly ready: readonly string[];
  /** All that there are, this one included unless it is deleted. */
  readonly present: readonly string[];
}

/** What the watch tells until a pod of that name comes or goes: every coming (ADDED) and going (asked for, and DELETED), with who was ready then. */
async function readChanges(watch: Watch, pods: Map<string, Json>, last: { type: string; name: string }): Promise<readonly Change[]> {
  const changes: Change[] = [];
  await watch.until(
    `${last.name} ${last.type}`,
    ({ type, object }) => {
      const { name } = object.metadata;
      const wasGoing = isGoing(pods.get(name) ?? { metadata: {} });
      if (type === 'DELETED') pods.delete(name);
      else pods.set(name, object);
      const told = type === 'MODIFIED' && isGoing(object) && !wasGoing ? 'GOING' : type;
      if (told !== 'MODIFIED') {
        const ready = [...pods.values()].filter((pod) => isReady(pod) && !isGoing(pod)).map(({ metadata }) => metadata.name);
        changes.push({ type: told, name, ready: ready.sort(), present: [...pods.keys()].sort() });
      }
      return told === last.type && name === last.name;
    },
    PODS_MS_MAX,
  );
  return changes;
}

async function scalesInOrder(t: TestScope): Promise<void> {
  const pods = new Map<string, Json>();
  const watch = await t.resource('v1/pods').watch(SELECTED);
  await createSet(t, 'ss', { replicas: 1 });
  await untilReady(t, 1);
  await setHealth(t, 'ss-0', false);
  await scale(t, 'ss', 3);
  await untilStatus(t, 'ss', 'the controller has seen that three are wanted', ({ replicas }) => replicas === 1);
  await setHealth(t, 'ss-0', true);
  await untilReady(t, 3);
  const up = (await readChanges(watch, pods, { type: 'ADDED', name: 'ss-2' })).filter(({ type }) => type === 'ADDED');
  assert.deepEqual(
    up.map(({ name, ready }) => [name, ready]),
    [
      ['ss-0', []],
      ['ss-1', ['ss-0']],
      ['ss-2', ['ss-0', 'ss-1']],
    ],
    'each is made when those before it are ready',
  );
  for (const ordinal of [0, 1, 2]) await setHealth(t, `ss-${ordinal}`, false);
  await scale(t, 'ss', 0);
  await untilStatus(t, 'ss', 'the controller has seen that none is wanted', ({ replicas }) => replicas === 3);
  // The last may go when it is the only one that is not healthy: it cannot get better by waiting for others.
  for (const ordinal of [0, 1]) await setHealth(t, `ss-${ordinal}`, true);
  await t.resource('v1/pods').untilAll(SELECTED, 'no pod is left', (found) => found.length === 0, PODS_MS_MAX);
  const down = await readChanges(watch, pods, { type: 'DELETED', name: 'ss-0' });
  assert.deepEqual(
    down.filter(({ type }) => type === 'GOING').map(({ name, ready, present }) => [name, ready, present]),
    [
      ['ss-2', ['ss-0', 'ss-1'], ['ss-0', 'ss-1', 'ss-2']],
      ['ss-1', ['ss-0'], ['ss-0', 'ss-1']],
      ['ss-0', [], ['ss-0']],
    ],
    'each goes when those before it are ready and those after it are gone',
  );
}

async function scalesInBurst(t: TestScope): Promise<void> {
  await createSet(t, 'ss', { replicas: 1, podManagementPolicy: 'Parallel' });
  await untilReady(t, 1);
  await setHealth(t, 'ss-0', false);
  await scale(t, 'ss', 3);
  await untilPods(t, 3, 'the others are made though the first is not healthy', (pod, ordinal) => isReady(pod) === ordinal > 0);
  await setHealth(t, 'ss-0', true);
  await untilReady(t, 3);
  await setHealth(t, 'ss-1', false);
  await scale(t, 'ss', 0);
  await t.resource('v1/pods').untilAll(SELECTED, 'all go though one is not healthy', (pods) => pods.length === 0);
  await untilStatus(t, 'ss', 'the status tells of none', ({ replicas }) => replicas === 0);
}

function update(t: TestScope, name: string, change: (spec: Json) => void): Promise<Json> {
  return t.resource(STATEFUL_SETS).change(name, ({ spec }) => change(spec));
}

const setImage = (t: TestScope, name: string, image: string): Promise<Json> =>
  update(t, name, (spec) => {
    spec.template.spec.containers[0].image = image;
  });

/** Rolls to the image while the pod in the middle is not healthy at first. Gives the revision that the set is at then. */
async function roll(t: TestScope, image: string): Promise<string> {
  const pods = new Map<string, Json>();
  for (const pod of await untilReady(t, 3)) pods.set(pod.metadata.name, pod);
  await setHealth(t, 'ss2-1', false);
  const list = await t.resource('v1/pods').list(SELECTED);
  const watch = await t.resource('v1/pods').watch({ ...SELECTED, resourceVersion: list.metadata.resourceVersion });
  await setImage(t, 'ss2', image);
  const { status } = await untilStatus(
    t,
    'ss2',
    'a new revision is told',
    ({ updateRevision, currentRevision }) => updateRevision !== currentRevision,
  );
  await setHealth(t, 'ss2-1', true);
  const done = await untilPods(t, 3, `all pods run ${image}`, (pod) => isReady(pod) && imageOf(pod) === image);
  for (const { metadata } of done) assert.equal(metadata.labels[HASH], status.updateRevision);
  const changes = await readChanges(watch, pods, { type: 'ADDED', name: 'ss2-0' });
  assert.deepEqual(
    changes.filter(({ type }) => type === 'ADDED').map(({ name }) => name),
    ['ss2-2', 'ss2-1', 'ss2-0'],
    'pods are updated from the last to the first',
  );
  assert.ok(
    changes.every(({ type, present }) => type === 'GOING' || present.length >= 2),
    'one at a time',
  );
  const { status: final } = await untilStatus(
    t,
    'ss2',
    'the roll is done',
    ({ currentRevision }) => currentRevision === status.updateRevision,
  );
  return final.updateRevision;
}

async function rollsAndRollsBack(t: TestScope): Promise<void> {
  await createSet(t, 'ss2', { replicas: 3 });
  const pods = await untilReady(t, 3);
  const { status } = await untilStatus(t, 'ss2', 'the status tells of three', ({ readyReplicas }) => readyReplicas === 3);
  assert.equal(status.currentRevision, status.updateRevision);
  for (const { metadata } of pods) assert.equal(metadata.labels[HASH], status.currentRevision);
  const second = await roll(t, OTHER_IMAGE);
  assert.notEqual(second, status.currentRevision);
  assert.equal(await roll(t, WORKLOAD_IMAGE), status.currentRevision, 'a template of before is its revision of before');
}

async function updatesByPartition(t: TestScope): Promise<void> {
  const setPartition = (partition: number) =>
    update(t, 'ss2', (spec) => {
      spec.updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition } };
    });
  await createSet(t, 'ss2', { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } } });
  const before = await untilReady(t, 3);
  const { status: first } = await untilStatus(t, 'ss2', 'the status tells of three', ({ readyReplicas }) => readyReplicas === 3);
  assert.equal(first.currentRevision, first.updateRevision);
  for (const { metadata } of before) assert.equal(metadata.labels[HASH], first.currentRevision);
  await setImage(t, 'ss2', OTHER_IMAGE);
  const { status } = await untilStatus(
    t,
    'ss2',
    'a new revision is told',
    ({ updateRevision, currentRevision }) => updateRevision !== currentRevision,
  );
  const untilUpdatedFrom = (partition: number): Promise<readonly Json[]> =>
    untilPods(t, 3, `pods from ${partition} on are updated`, (pod, ordinal) => {
      const expected = ordinal < partition ? [WORKLOAD_IMAGE, first.currentRevision] : [OTHER_IMAGE, status.updateRevision];
      return isReady(pod) && imageOf(pod) === expected[0] && pod.metadata.labels[HASH] === expected[1];
    });
  const uidsOf = (pods: readonly Json[]) => pods.map(({ metadata }) => metadata.uid);
  assert.deepEqual(uidsOf(await untilUpdatedFrom(3)), uidsOf(before), 'nothing is updated with a partition beyond the last pod');
  await setPartition(2);
  const canary = await untilUpdatedFrom(2);
  assert.deepEqual(uidsOf(canary).slice(0, 2), uidsOf(before).slice(0, 2));
  for (const ordinal of [0, 2]) await t.resource('v1/pods').delete(`ss2-${ordinal}`);
  for (const ordinal of [0, 2])
    await t
      .resource('v1/pods')
      .until(`ss2-${ordinal}`, 'it is another pod', (pod) => pod !== undefined && pod.metadata.uid !== uidsOf(canary)[ordinal]);
  await untilUpdatedFrom(2);
  for (const partition of [1, 0]) {
    await setPartition(partition);
    await untilUpdatedFrom(partition);
  }
  await untilStatus(t, 'ss2', 'the update is done', ({ currentRevision }) => currentRevision === status.updateRevision);
}

/** A pod that its node turns down, because another has the port, is made again and again until the port is free. */
async function recreatesEvicted(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const [node] = await schedulableNodes(t);
  const nodeName = node.metadata.name;
  const ports = [{ containerPort: 21017, hostPort: 21017 }];
  await pods.create(aPod('test-pod', { spec: { nodeName }, container: { ports } }));
  await untilRunning(pods, 'test-pod');
  const watch = await pods.watch(SELECTED);
  const template = aTemplate(LABELS, { spec: { nodeName }, container: { ports } });
  await t
    .resource(STATEFUL_SETS)
    .create(aWorkload('StatefulSet', 'ss', { labels: LABELS, template, spec: { serviceName: 'test', replicas: 1 } }));
  const untilTold = (what: string, check: (event: WatchEvent) => boolean) => watch.until(what, check, PODS_MS_MAX);
  const { object: failed } = await untilTold('the pod is turned down', ({ object }) => object.status.phase === 'Failed');
  await untilTold('it is deleted', ({ type, object }) => type === 'DELETED' && object.metadata.uid === failed.metadata.uid);
  await untilTold('another is made', ({ type, object }) => type === 'ADDED' && object.metadata.uid !== failed.metadata.uid);
  await pods.delete('test-pod');
  const running = await pods.until('ss-0', 'it runs', (pod) => pod?.status.phase === 'Running' && pod, PODS_MS_MAX);
  assert.notEqual(running.metadata.uid, failed.metadata.uid);
}

async function scales(t: TestScope): Promise<void> {
  await createSet(t, 'ss', { replicas: 1 });
  await untilReady(t, 1);
  await untilStatus(t, 'ss', 'the status tells of one', ({ readyReplicas }) => readyReplicas === 1);
  await checkScale(t, STATEFUL_SETS, 'ss');
}

async function listsAndDeletes(t: TestScope): Promise<void> {
  const sets = t.resource(STATEFUL_SETS);
  const replicas = 2;
  await createSet(t, 'test-ss', { replicas: 1 });
  await sets.patch('test-ss', { metadata: { labels: { e2e: t.suffix } } });
  await untilReady(t, 1);
  const labelSelector = `e2e=${t.suffix}`;
  const body = {
    metadata: { labels: { 'test-ss': 'patched' } },
    spec: { replicas, template: { spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: OTHER_IMAGE }] } } },
  };
  await sets.patch('test-ss', body, { type: 'strategic' });
  const { items } = await t.resource(STATEFUL_SETS, '').list({ labelSelector });
  const [patched, ...others] = items;
  assert.deepEqual([patched.metadata.namespace, patched.metadata.labels['test-ss'], others], [t.namespace, 'patched', []]);
  assert.deepEqual([patched.spec.replicas, imageOf(patched.spec.template)], [replicas, OTHER_IMAGE]);
  await untilPods(t, replicas, 'the patched pods are ready', (pod) => isReady(pod) && imageOf(pod) === OTHER_IMAGE);
  await sets.deleteCollection({ labelSelector });
  await sets.untilAll({ labelSelector }, 'the StatefulSets are gone', (found) => found.length === 0);
}

async function changesStatus(t: TestScope): Promise<void> {
  await createSet(t, 'ss', { replicas: 1 });
  await untilReady(t, 1);
  await untilStatus(
    t,
    'ss',
    'the set is at rest',
    (status) => status.availableReplicas === 1 && status.currentRevision === status.updateRevision,
  );
  await checkStatusEndpoints(t.resource(STATEFUL_SETS), 'ss');
}

const PREFIX = '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic]';

export const statefulSetTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} Burst scaling should run to completion even with unhealthy pods [Conformance] [Slow]`, run: scalesInBurst },
  {
    name: `${PREFIX} Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Conformance] [Slow]`,
    run: scalesInOrder,
  },
  { name: `${PREFIX} Should recreate evicted statefulset [Conformance]`, run: recreatesEvicted },
  { name: `${PREFIX} should have a working scale subresource [Conformance]`, run: scales },
  { name: `${PREFIX} should list, patch and delete a collection of StatefulSets [Conformance]`, run: listsAndDeletes },
  {
    name: `${PREFIX} should perform canary updates and phased rolling updates of template modifications [Conformance]`,
    run: updatesByPartition,
  },
  { name: `${PREFIX} should perform rolling updates and roll backs of template modifications [Conformance]`, run: rollsAndRollsBack },
  { name: `${PREFIX} should validate Statefulset Status endpoints [Conformance]`, run: changesStatus },
];
