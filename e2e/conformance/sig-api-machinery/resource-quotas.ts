/** ResourceQuotas: what they count, what they refuse, what they give back; and their life as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aPod, aTemplate } from '../framework/pods.ts';
import type { Resource } from '../framework/resource.ts';

const QUOTAS = 'v1/resourcequotas';
const EXTENDED = 'example.com/dongle';

/** Everything that the tests count. */
const HARD: Json = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  cpu: '1',
  memory: '500Mi',
  'requests.storage': '10Gi',
  'requests.ephemeral-storage': '50Gi',
  [`requests.${EXTENDED}`]: '3',
  'count/replicasets.apps': '5',
};

const aQuota = (name: string, spec: Json, labels: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name, labels },
  spec,
});

/** A number of a quantity such as `500m`, `252Mi`, `30Gi`, as the server may write it in more than one way. */
function amountOf(quantity: string | undefined): number {
  const [, number = 'NaN', unit = ''] = /^(\d+(?:\.\d+)?)(\D*)$/.exec(quantity ?? '') ?? [];
  const units: Readonly<Record<string, number>> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
  return Number(number) * (units[unit] ?? Number.NaN);
}

/** Waits until the quota says that this much is used of each resource named. */
function untilUsed(quotas: Resource, name: string, used: Readonly<Record<string, string>>): Promise<Json> {
  return quotas.until(name, `${name} counts ${JSON.stringify(used)}`, (quota) => {
    const counted = quota?.status?.used ?? {};
    return Object.entries(used).every(([resource, quantity]) => amountOf(counted[resource]) === amountOf(quantity)) && quota;
  });
}

async function createQuota(t: TestScope, spec: Json = { hard: HARD }, name = 'test-quota'): Promise<Resource> {
  const quotas = t.resource(QUOTAS);
  await quotas.create(aQuota(name, spec));
  await quotas.until(
    name,
    `${name} has a status`,
    (quota) => Object.keys(quota?.status?.hard ?? {}).length === Object.keys(spec.hard).length,
  );
  return quotas;
}

async function calculatesStatus(t: TestScope): Promise<void> {
  const quotas = await createQuota(t);
  const { status } = await untilUsed(quotas, 'test-quota', { resourcequotas: '1' });
  for (const [resource, quantity] of Object.entries(HARD)) assert.equal(amountOf(status.hard[resource]), amountOf(String(quantity)));
  assert.deepEqual(Object.keys(status.used).sort(), Object.keys(HARD).sort());
}

interface Counted {
  readonly resource: string;
  readonly object: Json;
  readonly counter: string;
}

/** Counts from what the namespace holds of the kind by itself, such as the ConfigMap of the root certificate. */
const capturesLife =
  ({ resource, object, counter }: Counted) =>
  async (t: TestScope) => {
    const objects = t.resource(resource);
    if (resource === 'v1/configmaps') await objects.until('kube-root-ca.crt', 'the root certificate is published', (found) => found);
    const quotas = await createQuota(t);
    const before = (await objects.list()).items.length;
    await untilUsed(quotas, 'test-quota', { [counter]: String(before), resourcequotas: '1' });
    await objects.create(object);
    await untilUsed(quotas, 'test-quota', { [counter]: String(before + 1) });
    await objects.delete(object.metadata.name);
    await untilUsed(quotas, 'test-quota', { [counter]: String(before) });
  };

async function capturesServices(t: TestScope): Promise<void> {
  const quotas = await createQuota(t);
  const services = t.resource('v1/services');
  const aService = (name: string, type: string, allocateLoadBalancerNodePorts?: boolean): Json => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type,
      ports: [{ port: 80, targetPort: 80 }],
      ...(allocateLoadBalancerNodePorts === undefined ? {} : { allocateLoadBalancerNodePorts }),
    },
  });
  await services.create(aService('test-service', 'ClusterIP'));
  await services.create(aService('test-service-np', 'NodePort'));
  await expectRefusal(services.create(aService('test-service-lb', 'LoadBalancer')), { reason: 'Forbidden', message: 'exceeded quota' });
  await untilUsed(quotas, 'test-quota', { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' });
  await services.delete('test-service');
  await services.delete('test-service-np');
  await untilUsed(quotas, 'test-quota', { services: '0', 'services.nodeports': '0', 'services.loadbalancers': '0' });
}

const withResources = (name: string, requests: Json, limits: Json = {}, spec: Json = {}): Json =>
  aPod(name, { spec, container: { resources: { requests, limits } } });

async function capturesPods(t: TestScope): Promise<void> {
  const quotas = await createQuota(t);
  const pods = t.resource('v1/pods');
  const requests = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', [EXTENDED]: '2' };
  const used = { pods: '1', cpu: '500m', memory: '252Mi', 'requests.ephemeral-storage': '30Gi', [`requests.${EXTENDED}`]: '2' };
  await pods.create(withResources('test-pod', requests, { [EXTENDED]: '2' }));
  await untilUsed(quotas, 'test-quota', used);
  const refused = { reason: 'Forbidden', message: 'exceeded quota' } as const;
  await expectRefusal(pods.create(withResources('fail-pod', { cpu: '600m', memory: '100Mi' })), refused);
  const dongles = { cpu: '500m', memory: '100Mi', 'ephemeral-storage': '10Gi', [EXTENDED]: '2' };
  await expectRefusal(pods.create(withResources('fail-pod-for-extended-resource', dongles, { [EXTENDED]: '2' })), refused);
  const patch = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '100m' } } }] } };
  await expectRefusal(pods.patch('test-pod', patch, { type: 'strategic' }), { reason: 'Invalid' });
  await untilUsed(quotas, 'test-quota', used);
  await pods.delete('test-pod', { gracePeriodSeconds: 0 });
  await untilUsed(quotas, 'test-quota', { pods: '0', cpu: '0', memory: '0', [`requests.${EXTENDED}`]: '0' });
}

/** Two quotas of opposite scopes: each counts its own pods alone. */
async function checkScopes(t: TestScope, hard: Json, scopes: readonly [string, string], podsByScope: readonly [Json, Json]): Promise<void> {
  const quotas = t.resource(QUOTAS);
  const pods = t.resource('v1/pods');
  const names = scopes.map((scope) => `quota-${scope.toLowerCase()}`);
  for (const [index, scope] of scopes.entries()) await createQuota(t, { hard, scopes: [scope] }, names[index]);
  for (const [index, pod] of podsByScope.entries()) {
    await pods.create(pod);
    await untilUsed(quotas, names[index] ?? '', { pods: '1' });
    await untilUsed(quotas, names[1 - index] ?? '', { pods: '0' });
    await pods.delete(pod.metadata.name, { gracePeriodSeconds: 0 });
    await untilUsed(quotas, names[index] ?? '', { pods: '0' });
  }
}

async function scopesByTermination(t: TestScope): Promise<void> {
  const hard = { pods: '5', 'requests.cpu': '1', 'requests.memory': '500Mi', 'limits.cpu': '2', 'limits.memory': '1Gi' };
  const resources = [
    { cpu: '500m', memory: '200Mi' },
    { cpu: '1', memory: '400Mi' },
  ] as const;
  const lasting = withResources('test-pod', ...resources);
  const terminating = withResources('terminating-pod', ...resources, { activeDeadlineSeconds: 3_600 });
  await checkScopes(t, hard, ['NotTerminating', 'Terminating'], [lasting, terminating]);
}

async function scopesByQuality(t: TestScope): Promise<void> {
  const burstable = withResources('burstable-pod', { cpu: '500m', memory: '200Mi' }, { cpu: '1', memory: '400Mi' });
  await checkScopes(t, { pods: '5' }, ['BestEffort', 'NotBestEffort'], [aPod('besteffort-pod'), burstable]);
}

async function isUpdatedAndDeleted(t: TestScope): Promise<void> {
  const quotas = t.resource(QUOTAS);
  const hardOf = ({ spec }: Json) => [amountOf(spec.hard.cpu), amountOf(spec.hard.memory)];
  const expected = [amountOf('1'), amountOf('500Mi')];
  const created = await quotas.create(aQuota('test-quota', { hard: { cpu: '1', memory: '500Mi' } }));
  assert.deepEqual(hardOf(created), expected);
  assert.deepEqual(hardOf(await quotas.get('test-quota')), expected);
  const updated = await quotas.change('test-quota', (quota) => {
    quota.spec.hard = { cpu: '2', memory: '1Gi' };
  });
  assert.deepEqual(hardOf(updated), [2, amountOf('1Gi')]);
  assert.deepEqual(hardOf(await quotas.get('test-quota')), [2, amountOf('1Gi')]);
  await quotas.delete('test-quota');
  await expectRefusal(quotas.get('test-quota'), { reason: 'NotFound' });
}

async function livesItsLife(t: TestScope): Promise<void> {
  const quotas = t.resource(QUOTAS);
  const name = `e2e-rq-${t.suffix}`;
  const label = { 'e2e-rq': t.suffix };
  const labelSelector = `e2e-rq=${t.suffix}`;
  await quotas.create(aQuota(name, { hard: { cpu: '1', memory: '500Mi' } }, label));
  assert.equal((await quotas.get(name)).metadata.name, name);
  const all = await t.resource(QUOTAS, '').list({ labelSelector });
  assert.deepEqual(
    all.items.map(({ metadata }: Json) => metadata.name),
    [name],
  );
  const patched = await quotas.patch(name, { metadata: { labels: { [name]: 'patched' } }, spec: { hard: { memory: '750Mi' } } });
  assert.equal(patched.metadata.labels[name], 'patched');
  assert.equal(amountOf(patched.spec.hard.memory), amountOf('750Mi'));
  await quotas.deleteCollection({ labelSelector });
  await quotas.untilAll({ labelSelector }, 'the quota is deleted', (items) => items.length === 0);
}

async function takesStatus(t: TestScope): Promise<void> {
  const quotas = t.resource(QUOTAS);
  const name = `e2e-rq-status-${t.suffix}`;
  const untilHard = (hard: Readonly<Record<string, string>>) =>
    quotas.until(name, `the status says ${JSON.stringify(hard)}`, (quota) =>
      Object.entries(hard).every(([resource, quantity]) => amountOf(quota?.status?.hard?.[resource]) === amountOf(quantity)),
    );
  await quotas.create(aQuota(name, { hard: { cpu: '500m', memory: '500Mi' } }));
  await untilHard({ cpu: '500m', memory: '500Mi' });
  const updated = await quotas.change(
    name,
    (quota) => {
      quota.status = { hard: { cpu: '2', memory: '2Gi' }, used: quota.status?.used };
    },
    'status',
  );
  assert.deepEqual([amountOf(updated.status.hard.cpu), amountOf(updated.status.hard.memory)], [2, amountOf('2Gi')]);
  await quotas.patch(name, { spec: { hard: { cpu: '1', memory: '1Gi' } } });
  await untilHard({ cpu: '1', memory: '1Gi' });
  const patchStatus = (hard: Json) => quotas.patch(name, { status: { hard } }, { subresource: 'status' });
  const patched = await patchStatus({ cpu: '1', memory: '1Gi' });
  assert.deepEqual([amountOf(patched.status.hard.cpu), amountOf(patched.status.hard.memory)], [1, amountOf('1Gi')]);
  const { status } = await quotas.get(name, 'status');
  assert.deepEqual([amountOf(status.hard.cpu), amountOf(status.hard.memory)], [1, amountOf('1Gi')]);
  const repatched = await patchStatus({ cpu: '2', memory: '2Gi' });
  assert.deepEqual([amountOf(repatched.status.hard.cpu), amountOf(repatched.status.hard.memory)], [2, amountOf('2Gi')]);
  assert.deepEqual([amountOf(repatched.spec.hard.cpu), amountOf(repatched.spec.hard.memory)], [1, amountOf('1Gi')]);
}

const LABELS = { name: 'counted' };
const PREFIX = '[sig-api-machinery] ResourceQuota should';

export const resourceQuotaTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} create a ResourceQuota and ensure its status is promptly calculated. [Conformance]`, run: calculatesStatus },
  { name: `${PREFIX} create a ResourceQuota and capture the life of a service. [Conformance]`, run: capturesServices },
  {
    name: `${PREFIX} create a ResourceQuota and capture the life of a secret. [Conformance]`,
    run: capturesLife({
      resource: 'v1/secrets',
      object: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'test-secret' }, stringData: { password: 'secret' } },
      counter: 'secrets',
    }),
  },
  { name: `${PREFIX} create a ResourceQuota and capture the life of a pod. [Conformance]`, run: capturesPods },
  {
    name: `${PREFIX} create a ResourceQuota and capture the life of a configMap. [Conformance]`,
    run: capturesLife({
      resource: 'v1/configmaps',
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'test-configmap' }, data: { a: 'b' } },
      counter: 'configmaps',
    }),
  },
  {
    name: `${PREFIX} create a ResourceQuota and capture the life of a replication controller. [Conformance]`,
    run: capturesLife({
      resource: 'v1/replicationcontrollers',
      object: {
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { name: 'test-rc' },
        spec: { replicas: 0, selector: LABELS, template: aTemplate(LABELS) },
      },
      counter: 'replicationcontrollers',
    }),
  },
  {
    name: `${PREFIX} create a ResourceQuota and capture the life of a replica set. [Conformance]`,
    run: capturesLife({
      resource: 'apps/v1/replicasets',
      object: {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name: 'test-rs' },
        spec: { replicas: 0, selector: { matchLabels: LABELS }, template: aTemplate(LABELS) },
      },
      counter: 'count/replicasets.apps',
    }),
  },
  { name: `${PREFIX} verify ResourceQuota with terminating scopes. [Conformance]`, run: scopesByTermination },
  { name: `${PREFIX} verify ResourceQuota with best effort scope. [Conformance]`, run: scopesByQuality },
  { name: `${PREFIX} be able to update and delete ResourceQuota. [Conformance]`, run: isUpdatedAndDeleted },
  { name: `${PREFIX} manage the lifecycle of a ResourceQuota [Conformance]`, run: livesItsLife },
  { name: `${PREFIX} apply changes to a resourcequota status [Conformance]`, run: takesStatus },
];
