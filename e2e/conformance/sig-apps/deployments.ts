/** Deployments: rolling and recreating, adopting, rolling over, scaling in proportion, keeping history; and their lives as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { OTHER_IMAGE, WORKLOAD_IMAGE } from '../framework/image.ts';
import { aPod, aTemplate } from '../framework/pods.ts';
import { checkScale } from '../framework/scale-operations.ts';
import { checkStatusEndpoints } from '../framework/status-operations.ts';
import { ABSENT_IMAGE, aWorkload, isOwnedBy, selectorOf, untilPodsReady, untilRolledOut } from '../framework/workloads.ts';

const DEPLOYMENTS = 'apps/v1/deployments';
const REPLICA_SETS = 'apps/v1/replicasets';
const REVISION = 'deployment.kubernetes.io/revision';

/** A ready ReplicaSet of one pod that a Deployment of these labels will adopt, and roll away from. */
async function createAdoptable(t: TestScope, name: string, labels: Json, annotations: Json = {}): Promise<Json> {
  const own = { ...labels, pod: 'httpd' };
  const created = await t
    .resource(REPLICA_SETS)
    .create(aWorkload('ReplicaSet', name, { labels: own, spec: { replicas: 1 }, metadata: { annotations } }));
  await untilPodsReady(t, own, 1);
  await t.resource(REPLICA_SETS).until(name, `${name} is ready`, (found) => found?.status.readyReplicas === 1);
  return created;
}

const withImage = (labels: Json, image: Json): Json => aTemplate(labels, { container: image });

function setImage(t: TestScope, name: string, image: Json): Promise<Json> {
  return t.resource(DEPLOYMENTS).change(name, (deployment) => Object.assign(deployment.spec.template.spec.containers[0], image));
}

/** The Deployment's own ReplicaSets, oldest first. */
async function replicaSetsOf(t: TestScope, deployment: Json): Promise<readonly Json[]> {
  const { items } = await t.resource(REPLICA_SETS).list();
  const revision = ({ metadata }: Json): number => Number(metadata.annotations?.[REVISION] ?? 0);
  return items.filter((item: Json) => isOwnedBy(item, deployment)).sort((one: Json, other: Json) => revision(one) - revision(other));
}

async function rolls(t: TestScope): Promise<void> {
  const labels = { name: 'sample-pod' };
  const adopted = await createAdoptable(t, 'test-rolling-update-controller', labels, { [REVISION]: '3546343826724305832' });
  const template = withImage(labels, { name: 'agnhost', image: OTHER_IMAGE });
  await t
    .resource(DEPLOYMENTS)
    .create(aWorkload('Deployment', 'test-rolling-update-deployment', { labels, template, spec: { replicas: 1 } }));
  const deployment = await untilRolledOut(t, 'test-rolling-update-deployment');
  // One more than what it adopted: no number of JavaScript's holds it.
  assert.equal(deployment.metadata.annotations[REVISION], '3546343826724305833');
  const all = await replicaSetsOf(t, deployment);
  const isOld = ({ metadata }: Json): boolean => metadata.uid === adopted.metadata.uid;
  assert.deepEqual(all.filter(isOld).length, 1, 'the ReplicaSet was adopted');
  assert.deepEqual(
    all
      .filter((item) => !isOld(item))
      .map(({ metadata, spec }) => [metadata.annotations[REVISION], spec.template.spec.containers[0].image]),
    [['3546343826724305833', OTHER_IMAGE]],
  );
  await t.resource('v1/pods').untilAll({ labelSelector: 'name=sample-pod' }, 'only the new pod is left', (pods) => {
    return pods.length === 1 && pods[0].spec.containers[0].image === OTHER_IMAGE;
  });
}

/** No pod of the new template is made while one of the old still runs. */
async function recreates(t: TestScope): Promise<void> {
  const labels = { name: 'sample-pod-3' };
  const spec = { replicas: 1, strategy: { type: 'Recreate' } };
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', 'test-recreate-deployment', { labels, spec }));
  const first = await untilRolledOut(t, 'test-recreate-deployment');
  assert.equal(first.metadata.annotations[REVISION], '1');
  const pods = t.resource('v1/pods');
  const list = await pods.list();
  const watch = await pods.watch({ resourceVersion: list.metadata.resourceVersion });
  const running = new Set(list.items.map(({ metadata }: Json) => metadata.uid));
  await setImage(t, 'test-recreate-deployment', { name: 'httpd', image: OTHER_IMAGE });
  await watch.until(
    'a new pod is made',
    ({ type, object }) => {
      const hasEnded = type === 'DELETED' || ['Failed', 'Succeeded'].includes(object.status.phase);
      if (hasEnded) running.delete(object.metadata.uid);
      return type === 'ADDED' && object.spec.containers[0].image === OTHER_IMAGE;
    },
    120_000,
  );
  assert.deepEqual([...running], [], 'all old pods had ended when the first new one was made');
  await untilRolledOut(t, 'test-recreate-deployment');
}

async function cleansUp(t: TestScope): Promise<void> {
  const labels = { name: 'cleanup-pod' };
  const old = await createAdoptable(t, 'test-cleanup-controller', labels);
  const pods = t.resource('v1/pods');
  const list = await pods.list();
  const watch = await pods.watch({ resourceVersion: list.metadata.resourceVersion });
  const template = withImage(labels, { name: 'agnhost', image: OTHER_IMAGE });
  const spec = { replicas: 1, revisionHistoryLimit: 0 };
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', 'test-cleanup-deployment', { labels, template, spec }));
  await t.resource(REPLICA_SETS).untilGone(old.metadata.name);
  const deployment = await untilRolledOut(t, 'test-cleanup-deployment');
  assert.equal((await replicaSetsOf(t, deployment)).length, 1);
  // What was made meanwhile is one pod of the new template: the old ReplicaSet made none.
  const marker = await pods.create(aPod('marker'));
  const made: string[] = [];
  await watch.until('the pods made meanwhile', ({ type, object }) => {
    if (object.metadata.uid === marker.metadata.uid) return true;
    if (type === 'ADDED') made.push(object.spec.containers[0].name);
    return false;
  });
  assert.deepEqual(made, ['agnhost']);
}

/** Sums of what the ReplicaSets want and have available, at every change of one of them. */
function untilAllOldAreGone(t: TestScope, deployment: Json, bounds: { wantedMax: number; availableMin: number }): Promise<readonly Json[]> {
  const sum = (items: readonly Json[], count: (item: Json) => number | undefined): number =>
    items.reduce((total, item) => total + (count(item) ?? 0), 0);
  return t.resource(REPLICA_SETS).untilAll({}, 'the old ReplicaSets have no replicas', (items) => {
    const own = items.filter((item) => isOwnedBy(item, deployment));
    assert.ok(sum(own, ({ spec }) => spec.replicas) <= bounds.wantedMax, 'never more than replicas + maxSurge');
    assert.ok(sum(own, ({ status }) => status.availableReplicas) >= bounds.availableMin, 'never fewer than replicas - maxUnavailable');
    const old = own.filter(({ metadata }) => metadata.annotations?.[REVISION] !== '2');
    return own.length === 3 && old.every(({ spec, status }) => spec.replicas === 0 && status.replicas === 0) && old;
  });
}

async function rollsOver(t: TestScope): Promise<void> {
  const labels = { name: 'rollover-pod' };
  await createAdoptable(t, 'test-rollover-controller', labels);
  const spec = { replicas: 1, minReadySeconds: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } };
  const name = 'test-rollover-deployment';
  const template = withImage(labels, { name: 'redis-slave', ...ABSENT_IMAGE });
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', name, { labels, template, spec }));
  const stuck = await t
    .resource(DEPLOYMENTS)
    .until(
      name,
      'its new pod is made',
      (found) => found?.status.observedGeneration >= found?.metadata.generation && found?.status.updatedReplicas === 1 && found,
    );
  assert.equal(stuck.metadata.annotations[REVISION], '1');
  await t
    .resource(REPLICA_SETS)
    .untilAll(
      {},
      'both ReplicaSets have a replica',
      (items) => items.length === 2 && items.every(({ spec, status }) => spec.replicas === 1 && status.replicas === 1),
    );
  const { metadata } = await setImage(t, name, { name: 'agnhost', image: OTHER_IMAGE, imagePullPolicy: 'IfNotPresent' });
  await t.resource(DEPLOYMENTS).until(name, 'the change is observed', (found) => found?.status.observedGeneration >= metadata.generation);
  await untilAllOldAreGone(t, stuck, { wantedMax: 2, availableMin: 1 });
  const done = await untilRolledOut(t, name);
  assert.deepEqual([done.metadata.annotations[REVISION], done.spec.template.spec.containers[0].image], ['2', OTHER_IMAGE]);
}

async function scalesInProportion(t: TestScope): Promise<void> {
  const name = 'webserver-deployment';
  const labels = { name: 'httpd' };
  const spec = { replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } };
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', name, { labels, spec }));
  const deployment = await untilRolledOut(t, name);
  const [first] = await replicaSetsOf(t, deployment);
  await setImage(t, name, ABSENT_IMAGE);
  const untilReplicas = (wanted: readonly [number, number], isMade: (item: Json) => boolean): Promise<unknown> =>
    t.resource(REPLICA_SETS).untilAll({}, `the ReplicaSets have ${wanted} replicas`, (items) => {
      const [old, young] = items.toSorted((one, other) => Number(isOther(one, first)) - Number(isOther(other, first)));
      return items.length === 2 && old.spec.replicas === wanted[0] && young.spec.replicas === wanted[1] && [old, young].every(isMade);
    });
  await untilReplicas([8, 5], ({ spec, status }) => spec.replicas === status.replicas);
  const [old, young] = await replicaSetsOf(t, deployment);
  assert.deepEqual([old.status.availableReplicas, young.status.availableReplicas ?? 0], [8, 0]);
  const { status } = await t.resource(DEPLOYMENTS).get(name);
  assert.ok(status.availableReplicas >= 8, `${status.availableReplicas} available`);
  await t.resource(DEPLOYMENTS).change(name, (found) => {
    found.spec.replicas = 30;
  });
  // 20 more, 8 to 5 and rounded: what the ReplicaSets want is what is asked for here, not that twelve more pods run.
  await untilReplicas([20, 13], () => true);
}

const isOther = (one: Json, other: Json): boolean => one.metadata.uid !== other.metadata.uid;

async function scales(t: TestScope): Promise<void> {
  const labels = { name: 'httpd' };
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', 'test-new-deployment', { labels, spec: { replicas: 1 } }));
  await untilRolledOut(t, 'test-new-deployment');
  await checkScale(t, DEPLOYMENTS, 'test-new-deployment');
}

async function changesStatus(t: TestScope): Promise<void> {
  const labels = { name: 'httpd', e2e: 'testing' };
  await t.resource(DEPLOYMENTS).create(aWorkload('Deployment', 'test-deployment', { labels, spec: { replicas: 1 } }));
  await untilRolledOut(t, 'test-deployment');
  await checkStatusEndpoints(t.resource(DEPLOYMENTS), 'test-deployment');
}

async function lives(t: TestScope): Promise<void> {
  const deployments = t.resource(DEPLOYMENTS);
  const labels = { 'test-deployment-static': t.suffix };
  const labelSelector = selectorOf(labels);
  const watch = await deployments.watch({ labelSelector });
  const template = aTemplate(labels, { spec: { terminationGracePeriodSeconds: 1 } });
  await deployments.create(aWorkload('Deployment', 'test-deployment', { labels, template, spec: { replicas: 2 } }));
  await watch.expect('ADDED', 'the Deployment is created');
  const untilAtRest = (replicas: number, image: string) =>
    watch.until(
      `${replicas} replicas of ${image} are ready`,
      ({ object: { spec, status } }) =>
        status.readyReplicas === replicas &&
        status.updatedReplicas === replicas &&
        (status.unavailableReplicas ?? 0) === 0 &&
        spec.replicas === replicas &&
        spec.template.spec.containers[0].image === image,
      120_000,
    );
  await untilAtRest(2, WORKLOAD_IMAGE);
  const patch = {
    metadata: { labels: { 'test-deployment': 'patched' } },
    spec: { replicas: 1, template: { spec: { terminationGracePeriodSeconds: 2, containers: [{ name: 'main', image: OTHER_IMAGE }] } } },
  };
  await deployments.patch('test-deployment', patch, { type: 'strategic' });
  await watch.until(
    'the patch is told',
    ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-deployment'] === 'patched',
  );
  const { object: patched } = await untilAtRest(1, OTHER_IMAGE);
  assert.equal(patched.spec.template.spec.terminationGracePeriodSeconds, 2);
  const all = await t.resource(DEPLOYMENTS, '').list({ labelSelector });
  assert.deepEqual(
    all.items.map(({ metadata }: Json) => metadata.namespace),
    [t.namespace],
  );
  await deployments.change('test-deployment', (found) => {
    found.metadata.labels['test-deployment'] = 'updated';
    found.spec.template.spec.containers[0].image = WORKLOAD_IMAGE;
    found.spec.replicas = 2;
  });
  await watch.until(
    'the update is told',
    ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-deployment'] === 'updated',
  );
  const read = await deployments.get('test-deployment', 'status');
  assert.deepEqual([read.spec.template.spec.containers[0].image, read.metadata.labels['test-deployment']], [WORKLOAD_IMAGE, 'updated']);
  await untilAtRest(2, WORKLOAD_IMAGE);
  await patchesStatus(t, labelSelector);
  await untilAtRest(2, WORKLOAD_IMAGE);
  await deployments.deleteCollection({ labelSelector }, { gracePeriodSeconds: 1 });
  await watch.until('the deletion is told', ({ type }) => type === 'DELETED', 60_000);
}

/** A patch of the status changes no label; the controller then tells the truth again. */
async function patchesStatus(t: TestScope, labelSelector: string): Promise<void> {
  const deployments = t.resource(DEPLOYMENTS);
  const watch = await deployments.watch({ labelSelector });
  const body = { metadata: { labels: { 'test-deployment': 'patched-status' } }, status: { readyReplicas: 0, availableReplicas: 0 } };
  await deployments.patch('test-deployment', body, { type: 'strategic', subresource: 'status' });
  await watch.until('the patched status is told', ({ type, object }) => type === 'MODIFIED' && (object.status.readyReplicas ?? 0) === 0);
  const { metadata } = await deployments.get('test-deployment', 'status');
  assert.equal(metadata.labels['test-deployment'], 'updated');
  await deployments.until('test-deployment', 'the status is true again', (found) => found?.status.readyReplicas === 2);
}

export const deploymentTests: readonly ConformanceTest[] = [
  { name: '[sig-apps] Deployment Deployment should have a working scale subresource [Conformance]', run: scales },
  { name: '[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones [Conformance]', run: recreates },
  { name: '[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones [Conformance]', run: rolls },
  { name: '[sig-apps] Deployment deployment should delete old replica sets [Conformance]', run: cleansUp },
  { name: '[sig-apps] Deployment deployment should support proportional scaling [Conformance]', run: scalesInProportion },
  { name: '[sig-apps] Deployment deployment should support rollover [Conformance]', run: rollsOver },
  { name: '[sig-apps] Deployment should run the lifecycle of a Deployment [Conformance]', run: lives },
  { name: '[sig-apps] Deployment should validate Deployment Status endpoints [Conformance]', run: changesStatus },
];
