/** ReplicaSets and ReplicationControllers: pods that serve, adopted, released, scaled; and their lives as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { OTHER_IMAGE } from '../framework/image.ts';
import { aPod, READINESS, untilReady } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { checkScale } from '../framework/scale-operations.ts';
import { checkStatusEndpoints } from '../framework/status-operations.ts';
import { aWorkload, conditionOf, isOwnedBy, untilPodsReady } from '../framework/workloads.ts';

const REPLICA_SETS = 'apps/v1/replicasets';
const CONTROLLERS = 'v1/replicationcontrollers';
const PORT = 9376;

interface Flavour {
  readonly kind: 'ReplicaSet' | 'ReplicationController';
  readonly resource: string;
}

const replicaSet: Flavour = { kind: 'ReplicaSet', resource: REPLICA_SETS };
const controller: Flavour = { kind: 'ReplicationController', resource: CONTROLLERS };

/** Pods that serve their own names; each is asked through the API server. Gives them. */
async function startServing(t: TestScope, { kind, resource }: Flavour): Promise<readonly Json[]> {
  const specOf = await createProgram(t, 'web-server');
  const labels = { name: 'my-hostname-basic' };
  const readinessProbe = { ...READINESS, httpGet: { path: '/', port: PORT } };
  const spec = specOf([String(PORT)], { ports: [{ containerPort: PORT }], readinessProbe });
  await t
    .resource(resource)
    .create(aWorkload(kind, 'my-hostname-basic', { labels, template: { metadata: { labels }, spec }, spec: { replicas: 1 } }));
  const pods = await untilPodsReady(t, labels, 1);
  for (const { metadata } of pods) {
    const path = `/api/v1/namespaces/${t.namespace}/pods/${metadata.name}:${PORT}/proxy/`;
    await eventually(`${metadata.name} answers`, async () => (await t.cluster.send({ path })).text.trim() === metadata.name);
  }
  return pods;
}

async function serves(t: TestScope): Promise<void> {
  await startServing(t, replicaSet);
}

/** Beside what upstream's test does: the Service in front of the pod, dialled by TCP, UDP and HTTP from another pod. */
async function servesByEveryProtocol(t: TestScope): Promise<void> {
  const [pod] = await startServing(t, controller);
  const ports = [
    { name: 'http', port: PORT },
    { name: 'tcp', port: PORT + 1 },
    { name: 'udp', port: PORT + 1, protocol: 'UDP' },
  ];
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'my-hostname' }, spec: { selector: pod.metadata.labels, ports } };
  const { spec } = await t.resource('v1/services').create(service);
  const specOf = await createProgram(t, 'dial');
  const command = ['node', '-e', 'setInterval(() => {}, 3600_000)'];
  const caller = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'caller' },
    spec: { ...specOf([], { command }), terminationGracePeriodSeconds: 0 },
  };
  await t.resource('v1/pods').create(caller);
  await untilReady(t.resource('v1/pods'), 'caller');
  for (const { name, port } of ports) {
    const dial = ['exec', 'caller', '--', 'node', '/program/dial.ts', name, spec.clusterIP, String(port)];
    await eventually(`the Service answers by ${name}`, async () => (await t.kubectl(dial)).trim() === pod.metadata.name);
  }
}

/** An orphan of matching labels becomes the workload's only pod. Gives the workload. */
async function adoptOrphan(t: TestScope, { kind, resource }: Flavour, name: string): Promise<Json> {
  const pods = t.resource('v1/pods');
  const orphan = await pods.create(aPod(name, { labels: { name } }));
  await untilReady(pods, name);
  const owner = await t.resource(resource).create(aWorkload(kind, name, { labels: { name }, spec: { replicas: 1 } }));
  await pods.until(
    name,
    'the orphan is adopted',
    (pod) => pod !== undefined && pod.metadata.uid === orphan.metadata.uid && isOwnedBy(pod, owner),
  );
  return owner;
}

/** A pod whose labels do not match any more is let go, and another takes its place. */
async function releasePod(t: TestScope, owner: Json): Promise<void> {
  const pods = t.resource('v1/pods');
  const matching = { labelSelector: `name=${owner.metadata.name}` };
  const [pod] = await pods.untilAll(matching, 'there is one pod', (found) => found.length === 1 && isOwnedBy(found[0], owner) && found);
  await pods.change(pod.metadata.name, (changed) => {
    changed.metadata.labels = { name: 'not-matching-name' };
  });
  await pods.until(pod.metadata.name, 'the pod is released', (found) => found !== undefined && !isOwnedBy(found, owner));
  await pods.untilAll(matching, 'another pod takes its place', (found) => found.length === 1 && isOwnedBy(found[0], owner));
}

async function adoptsAndReleases(t: TestScope): Promise<void> {
  await releasePod(t, await adoptOrphan(t, replicaSet, 'pod-adoption-release'));
}

async function adopts(t: TestScope): Promise<void> {
  await adoptOrphan(t, controller, 'pod-adoption');
}

async function releases(t: TestScope): Promise<void> {
  const labels = { name: 'pod-release' };
  await releasePod(
    t,
    await t.resource(CONTROLLERS).create(aWorkload('ReplicationController', 'pod-release', { labels, spec: { replicas: 1 } })),
  );
}

async function scales(t: TestScope): Promise<void> {
  const labels = { name: 'sample-pod', pod: 'httpd' };
  await t.resource(REPLICA_SETS).create(aWorkload('ReplicaSet', 'test-rs', { labels, spec: { replicas: 1 } }));
  await untilPodsReady(t, labels, 1);
  await t.resource(REPLICA_SETS).until('test-rs', 'its status tells of the pod', (found) => found?.status.replicas === 1);
  await checkScale(t, REPLICA_SETS, 'test-rs');
}

async function scalesController(t: TestScope): Promise<void> {
  const controllers = t.resource(CONTROLLERS);
  const untilReplicas = (count: number) =>
    controllers.until('e2e-rc', `there are ${count} replicas`, (found) => found?.status.replicas === count);
  await controllers.create(aWorkload('ReplicationController', 'e2e-rc', { labels: { name: 'e2e-rc' }, spec: { replicas: 1 } }));
  await untilReplicas(1);
  const scale = await controllers.get('e2e-rc', 'scale');
  assert.equal(scale.status.replicas, 1);
  const { resourceVersion: _, ...metadata } = scale.metadata;
  const updated = await controllers.update({ ...scale, metadata, spec: { replicas: 2 } }, 'scale');
  assert.equal(updated.spec.replicas, 2);
  await untilReplicas(2);
}

async function replacesAndPatches(t: TestScope): Promise<void> {
  const replicaSets = t.resource(REPLICA_SETS);
  const labels = { name: 'sample-pod', pod: 'httpd' };
  await replicaSets.create(aWorkload('ReplicaSet', 'test-rs', { labels, spec: { replicas: 1 } }));
  await untilPodsReady(t, labels, 1);
  const replaced = await replicaSets.change('test-rs', (found) => {
    found.spec.replicas = 2;
  });
  assert.equal(replaced.spec.replicas, 2);
  await replicaSets.until('test-rs', 'two replicas are ready', (found) => found?.status.readyReplicas === 2);
  const watch = await replicaSets.watch();
  const container = { name: 'main', image: OTHER_IMAGE };
  const body = {
    metadata: { labels: { 'test-rs': 'patched' } },
    spec: { replicas: 3, template: { spec: { terminationGracePeriodSeconds: 3, containers: [container] } } },
  };
  await replicaSets.patch('test-rs', body, { type: 'strategic' });
  const isPatched = ({ metadata, spec }: Json): boolean =>
    metadata.labels['test-rs'] === 'patched' &&
    spec.replicas === 3 &&
    spec.template.spec.terminationGracePeriodSeconds === 3 &&
    spec.template.spec.containers[0].image === OTHER_IMAGE;
  await watch.until('the patch is told', ({ type, object }) => type === 'MODIFIED' && isPatched(object));
  assert.ok(isPatched(await replicaSets.get('test-rs')));
  await replicaSets.until('test-rs', 'three replicas are ready', (found) => found?.status.readyReplicas === 3);
}

async function listsAndDeletes(t: TestScope): Promise<void> {
  const replicaSets = t.resource(REPLICA_SETS);
  const labels = { name: 'sample-pod', e2e: t.suffix };
  await replicaSets.create(aWorkload('ReplicaSet', 'test-rs', { labels, spec: { replicas: 3 } }));
  await untilPodsReady(t, labels, 3);
  const labelSelector = `e2e=${t.suffix}`;
  const all = await t.resource(REPLICA_SETS, '').list({ labelSelector });
  assert.deepEqual(
    all.items.map(({ metadata }: Json) => [metadata.namespace, metadata.name]),
    [[t.namespace, 'test-rs']],
  );
  await replicaSets.deleteCollection({ labelSelector });
  await replicaSets.untilAll({ labelSelector }, 'the ReplicaSets are gone', (items) => items.length === 0);
}

async function changesStatus(t: TestScope): Promise<void> {
  const replicaSets = t.resource(REPLICA_SETS);
  const labels = { name: 'sample-pod', pod: 'httpd' };
  await replicaSets.create(aWorkload('ReplicaSet', 'test-rs', { labels, spec: { replicas: 1 } }));
  await replicaSets.until('test-rs', 'its replica is available', (found) => found?.status.availableReplicas === 1);
  await checkStatusEndpoints(replicaSets, 'test-rs');
}

async function surfacesQuota(t: TestScope): Promise<void> {
  const controllers = t.resource(CONTROLLERS);
  const quotas = t.resource('v1/resourcequotas');
  const name = 'condition-test';
  await quotas.create({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec: { hard: { pods: '2' } } });
  await quotas.until(name, 'the quota is in force', (quota) => quota?.status?.hard?.pods === '2');
  await controllers.create(aWorkload('ReplicationController', name, { labels: { name }, spec: { replicas: 3 } }));
  const failed = await controllers.until(name, 'the failure is surfaced', (found) => conditionOf(found, 'ReplicaFailure'));
  assert.deepEqual([failed.status, failed.reason], ['True', 'FailedCreate']);
  assert.match(failed.message, /exceeded quota: condition-test/);
  const { metadata } = await controllers.change(name, (found) => {
    found.spec.replicas = 2;
  });
  await controllers.until(
    name,
    'the failure is taken back',
    (found) => found?.status.observedGeneration >= metadata.generation && conditionOf(found, 'ReplicaFailure') === undefined,
  );
}

/** Every change is told by one watch that is open from before the first to after the last. */
async function livesThroughWatch(t: TestScope): Promise<void> {
  const controllers = t.resource(CONTROLLERS);
  const labels = { 'test-rc-static': 'true' };
  const labelSelector = 'test-rc-static=true';
  const watch = await controllers.watch({ labelSelector });
  await controllers.create(aWorkload('ReplicationController', 'rc-test', { labels, spec: { replicas: 1 } }));
  await watch.expect('ADDED', 'the controller is created');
  await watch.until('its replica is ready', ({ object }) => object.status.replicas === 1 && object.status.readyReplicas === 1, 120_000);
  const patched = await controllers.patch('rc-test', { metadata: { labels: { 'test-rc': 'patched' } } }, { type: 'strategic' });
  assert.equal(patched.metadata.labels['test-rc'], 'patched');
  await watch.until('the label is told', ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-rc'] === 'patched');
  const status = { readyReplicas: 0, availableReplicas: 0 };
  const statusPatched = await controllers.patch('rc-test', { status }, { type: 'strategic', subresource: 'status' });
  assert.equal(statusPatched.status.readyReplicas ?? 0, 0);
  await watch.until('the status is told', ({ type, object }) => type === 'MODIFIED' && (object.status.readyReplicas ?? 0) === 0);
  await watch.until('the status is true again', ({ object }) => object.status.readyReplicas === 1);
  assert.equal((await controllers.get('rc-test', 'status')).status.replicas, 1);
  await controllers.patch('rc-test', { spec: { replicas: 2 } }, { subresource: 'scale' });
  await watch.until('the scale is told', ({ type, object }) => type === 'MODIFIED' && object.spec.replicas === 2);
  await watch.until('two replicas are ready', ({ object }) => object.status.replicas === 2 && object.status.readyReplicas === 2, 120_000);
  const found = await controllers.change(
    'rc-test',
    (object) => {
      object.status = { ...object.status, availableReplicas: 1, readyReplicas: 1 };
    },
    'status',
  );
  assert.deepEqual([found.metadata.labels['test-rc'], found.status.readyReplicas], ['patched', 1]);
  await watch.until('the updated status is told', ({ type, object }) => type === 'MODIFIED' && object.status.readyReplicas === 1);
  const all = await t.resource(CONTROLLERS, '').list({ labelSelector });
  assert.ok(all.items.some(({ metadata }: Json) => metadata.namespace === t.namespace && metadata.labels['test-rc'] === 'patched'));
  await controllers.deleteCollection({ labelSelector });
  await watch.until('the deletion is told', ({ type }) => type === 'DELETED');
}

export const replicaSetTests: readonly ConformanceTest[] = [
  { name: '[sig-apps] ReplicaSet Replace and Patch tests [Conformance]', run: replacesAndPatches },
  { name: '[sig-apps] ReplicaSet Replicaset should have a working scale subresource [Conformance]', run: scales },
  {
    name: '[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods [Conformance]',
    run: adoptsAndReleases,
  },
  { name: '[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets [Conformance]', run: listsAndDeletes },
  { name: '[sig-apps] ReplicaSet should serve a basic image on each replica with a public image [Conformance]', run: serves },
  { name: '[sig-apps] ReplicaSet should validate Replicaset Status endpoints [Conformance]', run: changesStatus },
  { name: '[sig-apps] ReplicationController should adopt matching pods on creation [Conformance]', run: adopts },
  { name: '[sig-apps] ReplicationController should get and update a ReplicationController scale [Conformance]', run: scalesController },
  { name: '[sig-apps] ReplicationController should release no longer matching pods [Conformance]', run: releases },
  {
    name: '[sig-apps] ReplicationController should serve a basic image on each replica with a public image [Conformance]',
    run: servesByEveryProtocol,
  },
  {
    name: '[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota [Conformance]',
    run: surfacesQuota,
  },
  { name: '[sig-apps] ReplicationController should test the lifecycle of a ReplicationController [Conformance]', run: livesThroughWatch },
];
