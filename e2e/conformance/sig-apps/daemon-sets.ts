/** DaemonSets: one pod on each node, wherever a label says, rolled and rolled back; their history, and their lives as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { OTHER_IMAGE, WORKLOAD_IMAGE } from '../framework/image.ts';
import { labelNode, schedulableNodes } from '../framework/nodes.ts';
import { aTemplate, isReady } from '../framework/pods.ts';
import { checkStatusEndpoints } from '../framework/status-operations.ts';
import { ABSENT_IMAGE, aWorkload, isGoing, isOwnedBy, selectorOf } from '../framework/workloads.ts';

const DAEMON_SETS = 'apps/v1/daemonsets';
const REVISIONS = 'apps/v1/controllerrevisions';
const NAME = 'daemon-set';
const LABELS = { 'daemonset-name': NAME };

const namesOf = (objects: readonly Json[]): readonly string[] => objects.map(({ metadata }) => metadata.name).sort();
const isCounted = ({ status }: Json): boolean => status.phase !== 'Failed' && status.phase !== 'Succeeded';

/** The DaemonSet's pods as soon as there is a ready one on each of these nodes, and no other that has not ended. */
function untilOnNodes(t: TestScope, nodes: readonly string[], check: (pod: Json) => boolean = () => true): Promise<readonly Json[]> {
  return t.resource('v1/pods').untilAll({ labelSelector: selectorOf(LABELS) }, `a daemon is ready on ${nodes}`, (all) => {
    const pods = all.filter(isCounted);
    const isSo = pods.every((pod) => isReady(pod) && !isGoing(pod) && check(pod)) && pods.length === nodes.length;
    return isSo && nodes.every((node) => pods.some(({ spec }) => spec.nodeName === node)) && pods;
  });
}

/** Made, and running on every node that takes its pods. Gives the DaemonSet and the pods. */
async function startOnAllNodes(
  t: TestScope,
  spec: Json = {},
): Promise<{ daemonSet: Json; nodes: readonly string[]; pods: readonly Json[] }> {
  const daemonSet = await t.resource(DAEMON_SETS).create(aWorkload('DaemonSet', NAME, { labels: LABELS, spec }));
  const nodes = namesOf(await schedulableNodes(t));
  const pods = await untilOnNodes(t, nodes);
  await t
    .resource(DAEMON_SETS)
    .until(
      NAME,
      'its status tells of them',
      ({ status }: Json) => status.desiredNumberScheduled === nodes.length && status.numberReady === nodes.length,
    );
  return { daemonSet, nodes, pods };
}

async function runsSimple(t: TestScope): Promise<void> {
  const { nodes, pods } = await startOnAllNodes(t);
  const [victim] = pods;
  await t.resource('v1/pods').delete(victim.metadata.name);
  await untilOnNodes(t, nodes, ({ metadata }) => metadata.uid !== victim.metadata.uid);
}

async function runsByLabel(t: TestScope): Promise<void> {
  const daemonSets = t.resource(DAEMON_SETS);
  const colour = `e2e-color-${t.suffix}`;
  const template = aTemplate(LABELS, { spec: { nodeSelector: { [colour]: 'blue' } } });
  await daemonSets.create(aWorkload('DaemonSet', NAME, { labels: LABELS, template }));
  const untilObserved = (generation: number) =>
    daemonSets.until(NAME, 'the DaemonSet is observed', (found) => found?.status.observedGeneration >= generation && found);
  assert.equal((await untilObserved(1)).status.desiredNumberScheduled, 0);
  await untilOnNodes(t, []);
  const [node] = await schedulableNodes(t);
  const { name } = node.metadata;
  await labelNode(t, name, { [colour]: 'blue' });
  await untilOnNodes(t, [name]);
  await labelNode(t, name, { [colour]: 'green' });
  await untilOnNodes(t, []);
  await daemonSets.change(NAME, (daemonSet) => {
    daemonSet.spec.template.spec.nodeSelector = { [colour]: 'green' };
    daemonSet.spec.updateStrategy = { type: 'RollingUpdate' };
  });
  await untilOnNodes(t, [name], ({ spec }) => spec.nodeSelector[colour] === 'green');
}

async function retriesFailed(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const { nodes, pods: daemons } = await startOnAllNodes(t);
  const [victim] = daemons;
  const failed = await pods.patch(victim.metadata.name, { status: { phase: 'Failed' } }, { subresource: 'status' });
  assert.equal(failed.status.phase, 'Failed');
  await pods.untilGone(victim.metadata.name);
  await untilOnNodes(t, nodes, ({ metadata }) => metadata.uid !== victim.metadata.uid);
}

/** The hash of the revision that is of the present template: the one of the highest number. */
async function currentHash(t: TestScope): Promise<string> {
  const { items } = await t.resource(REVISIONS).list({ labelSelector: selectorOf(LABELS) });
  const [newest] = items.sort((one: Json, other: Json) => other.revision - one.revision);
  return newest.metadata.labels['controller-revision-hash'];
}

async function updates(t: TestScope): Promise<void> {
  const { daemonSet, nodes, pods } = await startOnAllNodes(t, { updateStrategy: { type: 'RollingUpdate' } });
  const [first] = (await t.resource(REVISIONS).list({ labelSelector: selectorOf(LABELS) })).items;
  assert.ok(isOwnedBy(first, daemonSet));
  assert.equal(first.revision, 1);
  const firstHash = await currentHash(t);
  for (const { metadata } of pods) assert.equal(metadata.labels['controller-revision-hash'], firstHash);
  const patch = { spec: { template: { spec: { containers: [{ name: 'main', image: OTHER_IMAGE }] } } } };
  await t.resource(DAEMON_SETS).patch(NAME, patch, { type: 'strategic' });
  // One at a time: never is more than one node without a daemon that is ready.
  const replaced = await t.resource('v1/pods').untilAll({ labelSelector: selectorOf(LABELS) }, 'all daemons are updated', (all) => {
    const ready = all.filter((pod) => isReady(pod) && !isGoing(pod));
    assert.ok(ready.length >= nodes.length - 1, `${ready.length} daemons of ${nodes.length} are ready`);
    const isDone = ready.length === nodes.length && all.length === nodes.length;
    return isDone && ready.every(({ spec }) => spec.containers[0].image === OTHER_IMAGE) && ready;
  });
  const hash = await currentHash(t);
  assert.notEqual(hash, firstHash);
  for (const { metadata } of replaced) assert.equal(metadata.labels['controller-revision-hash'], hash);
  assert.deepEqual(replaced.map(({ spec }) => spec.nodeName).sort(), nodes);
}

async function rollsBack(t: TestScope): Promise<void> {
  const daemonSets = t.resource(DAEMON_SETS);
  const { nodes, pods } = await startOnAllNodes(t, { updateStrategy: { type: 'RollingUpdate' } });
  assert.ok(nodes.length > 1, 'this takes two nodes');
  const setImage = (image: Json) =>
    daemonSets.change(NAME, (daemonSet) => Object.assign(daemonSet.spec.template.spec.containers[0], image));
  await setImage(ABSENT_IMAGE);
  const isBroken = ({ spec }: Json): boolean => spec.containers[0].image === ABSENT_IMAGE.image;
  const broken = await t
    .resource('v1/pods')
    .untilAll(
      { labelSelector: selectorOf(LABELS) },
      'the rollout is stuck',
      (all) =>
        all.length === nodes.length &&
        all.filter(isBroken).length === 1 &&
        all.find((pod) => isBroken(pod) && pod.spec.nodeName !== undefined),
    );
  await setImage({ image: WORKLOAD_IMAGE, imagePullPolicy: 'IfNotPresent' });
  const after = await untilOnNodes(t, nodes, (pod) => !isBroken(pod));
  const kept = pods.filter(({ spec }) => spec.nodeName !== broken.spec.nodeName);
  for (const { metadata } of kept) {
    const found = after.find((pod) => pod.metadata.uid === metadata.uid);
    assert.ok(found, `${metadata.name} was not touched by the rollout, and not replaced`);
    assert.equal(found.status.containerStatuses[0].restartCount, 0);
  }
  await daemonSets.until(NAME, 'the rollback is done', ({ status, metadata }: Json) => {
    return (
      status.observedGeneration >= metadata.generation &&
      status.numberReady === nodes.length &&
      status.updatedNumberScheduled === nodes.length
    );
  });
}

async function listsAndDeletes(t: TestScope): Promise<void> {
  await startOnAllNodes(t);
  const labelSelector = selectorOf(LABELS);
  const { items } = await t.resource(DAEMON_SETS, '').list({ labelSelector });
  assert.deepEqual(
    items.map(({ metadata }: Json) => [metadata.namespace, metadata.name]),
    [[t.namespace, NAME]],
  );
  await t.resource(DAEMON_SETS).deleteCollection({ labelSelector });
  await t.resource(DAEMON_SETS).untilAll({ labelSelector }, 'the DaemonSet is gone', (found) => found.length === 0);
  await t.resource('v1/pods').untilAll({ labelSelector }, 'its pods are gone', (found) => found.length === 0);
}

async function changesStatus(t: TestScope): Promise<void> {
  await startOnAllNodes(t);
  await checkStatusEndpoints(t.resource(DAEMON_SETS), NAME);
}

/** A ControllerRevision is made by the test beside the controller's own, and the controller carries on from it. */
async function keepsHistory(t: TestScope): Promise<void> {
  const revisions = t.resource(REVISIONS);
  const labelSelector = selectorOf(LABELS);
  const untilCount = (count: number) =>
    revisions.untilAll({ labelSelector }, `there are ${count} revisions`, (items) => items.length === count && items);
  const { daemonSet } = await startOnAllNodes(t);
  const everywhere = await t.resource(REVISIONS, '').list({ labelSelector });
  assert.equal(everywhere.items.length, 1);
  const [initial] = everywhere.items;
  assert.ok(isOwnedBy(initial, daemonSet));
  const patched = await revisions.patch(initial.metadata.name, { metadata: { labels: { patched: 'true' } } }, { type: 'strategic' });
  assert.equal(patched.metadata.labels.patched, 'true');
  const hash = `test${t.suffix}`;
  const { name, ownerReferences } = initial.metadata;
  const created = await revisions.create({
    ...initial,
    metadata: { name: `${NAME}-${hash}`, labels: { ...LABELS, 'controller-revision-hash': hash }, ownerReferences },
    revision: initial.revision + 1,
  });
  await untilCount(2);
  await revisions.delete(name);
  const [left] = await untilCount(1);
  assert.equal(left.metadata.uid, created.metadata.uid);
  const updated = await revisions.change(left.metadata.name, (revision) => {
    revision.metadata.labels.updated = t.suffix;
  });
  assert.equal(updated.metadata.labels.updated, t.suffix);
  const patch = { spec: { template: { spec: { terminationGracePeriodSeconds: 1 } }, updateStrategy: { type: 'RollingUpdate' } } };
  await t.resource(DAEMON_SETS).patch(NAME, patch, { type: 'strategic' });
  await untilCount(2);
  await revisions.deleteCollection({ labelSelector: `updated=${t.suffix}` });
  const [current] = await untilCount(1);
  assert.equal(current.revision, 3);
}

const PREFIX = '[sig-apps] Daemon set';

export const daemonSetTests: readonly ConformanceTest[] = [
  { name: '[sig-apps] ControllerRevision should manage the lifecycle of a ControllerRevision [Conformance] [Serial]', run: keepsHistory },
  { name: `${PREFIX} should list and delete a collection of DaemonSets [Conformance] [Serial]`, run: listsAndDeletes },
  { name: `${PREFIX} should retry creating failed daemon pods [Conformance] [Serial]`, run: retriesFailed },
  { name: `${PREFIX} should rollback without unnecessary restarts [Conformance] [Serial]`, run: rollsBack },
  { name: `${PREFIX} should run and stop complex daemon [Conformance] [Serial]`, run: runsByLabel },
  { name: `${PREFIX} should run and stop simple daemon [Conformance] [Serial]`, run: runsSimple },
  { name: `${PREFIX} should update pod when spec was updated and update strategy is RollingUpdate [Conformance] [Serial]`, run: updates },
  { name: `${PREFIX} should verify changes to a daemon set status [Conformance] [Serial]`, run: changesStatus },
];
