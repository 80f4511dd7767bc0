/**
 * The aggregator: an API server in a pod serves a group of its own behind an APIService. Upstream's test brings its sample API server of 1.17; ours brings
 * `programs/sample-api-server.ts`, which asks the same of the cluster: the front proxy's certificate and headers, and SubjectAccessReviews.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { startTlsServer, type TlsServer } from '../framework/tls-server.ts';

const API_SERVICES = 'apiregistration.k8s.io/v1/apiservices';
const VERSION = 'v1alpha1';
const RBAC = 'rbac.authorization.k8s.io';

/** The rights of every aggregated server: to know the front proxy, and to ask what a user may. */
async function grantRights(t: TestScope): Promise<void> {
  const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: t.namespace }];
  const metadata = { name: `wardler-${t.suffix}` };
  const apiVersion = `${RBAC}/v1`;
  const readers = t.resource(`${RBAC}/v1/rolebindings`, 'kube-system');
  const roleRef = { apiGroup: RBAC, kind: 'Role', name: 'extension-apiserver-authentication-reader' };
  await readers.create({ apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects });
  t.cleanUp(() => readers.delete(metadata.name));
  const delegators = t.resource(`${RBAC}/v1/clusterrolebindings`, '');
  const delegator = { apiGroup: RBAC, kind: 'ClusterRole', name: 'system:auth-delegator' };
  await delegators.create({ apiVersion, kind: 'ClusterRoleBinding', metadata, roleRef: delegator, subjects });
  t.cleanUp(() => delegators.delete(metadata.name));
}

const isAvailable = (apiService: Json): boolean =>
  (apiService?.status?.conditions ?? []).some(({ type, status }: Json) => type === 'Available' && status === 'True');

async function register(t: TestScope, group: string, { caBundle, service }: TlsServer): Promise<string> {
  const apiServices = t.resource(API_SERVICES, '');
  const name = `${VERSION}.${group}`;
  t.cleanUp(() => apiServices.delete(name));
  await apiServices.create({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels: { 'e2e-apiservice': t.suffix } },
    spec: { group, version: VERSION, caBundle, service, groupPriorityMinimum: 2_000, versionPriority: 200 },
  });
  await apiServices.until(name, `${name} is available`, isAvailable);
  return name;
}

async function servesFlunders(t: TestScope, group: string): Promise<void> {
  const flunders = t.resource(`${group}/${VERSION}/flunders`);
  const items = () => flunders.list().then((list) => list.items.map(({ metadata }: Json) => metadata.name));
  await eventually('the aggregated server answers', async () => (await items()).length === 0);
  const flunder = {
    apiVersion: `${group}/${VERSION}`,
    kind: 'Flunder',
    metadata: { name: 'rest-flunder', labels: { 'sample-label': 'true' } },
  };
  const { statusCode, text } = await t.cluster.send({ method: 'POST', path: flunders.path, body: flunder });
  assert.equal(statusCode, 201, text);
  assert.deepEqual(await items(), ['rest-flunder']);
  await flunders.delete('rest-flunder');
  assert.deepEqual(await items(), []);
}

/** Through kubectl, which finds the resource by discovery. */
async function isDiscovered(t: TestScope, group: string): Promise<void> {
  await eventually('discovery has the group', async () => {
    const { resources } = await t.cluster.request({ path: `/apis/${group}/${VERSION}` });
    const { groups } = await t.cluster.request({ path: '/apis' });
    return groups.some(({ name }: Json) => name === group) && resources.some(({ name }: Json) => name === 'flunders');
  });
  const manifest = JSON.stringify({ apiVersion: `${group}/${VERSION}`, kind: 'Flunder', metadata: { name: 'dynamic-flunder' } });
  await t.kubectl(['create', '--validate=false', '-f', '-'], manifest);
  const names = ['get', `flunders.${group}`, '-o', 'name'];
  assert.equal((await t.kubectl(names)).trim(), `flunder.${group}/dynamic-flunder`);
  await t.kubectl(['delete', `flunders.${group}`, 'dynamic-flunder', '--wait=false']);
  assert.equal(await t.kubectl(names), '');
}

/** The APIService as an object: its status, changes, and its end with its group. */
async function managesApiService(t: TestScope, group: string, name: string): Promise<void> {
  const apiServices = t.resource(API_SERVICES, '');
  assert.equal(isAvailable(await apiServices.get(name, 'status')), true);
  const patched = await apiServices.patch(name, { spec: { versionPriority: 400 } });
  assert.equal(patched.spec.versionPriority, 400);
  const condition = { type: 'StatusUpdated', status: 'True', reason: 'E2E', message: 'Set by an e2e test' };
  const updated = await apiServices.change(
    name,
    (apiService) => {
      apiService.status.conditions.push(condition);
    },
    'status',
  );
  assert.ok(updated.status.conditions.some(({ type }: Json) => type === 'StatusUpdated'));
  const labelled = await apiServices.change(name, (apiService) => {
    apiService.metadata.labels['e2e-updated'] = 'true';
  });
  assert.equal(labelled.metadata.labels['e2e-updated'], 'true');
  const selector = { labelSelector: `e2e-apiservice=${t.suffix}` };
  assert.equal((await apiServices.list(selector)).items.length, 1);
  await apiServices.deleteCollection(selector);
  await apiServices.untilAll(selector, 'the APIService is deleted', (items) => items.length === 0);
  await eventually('its group is gone', async () => (await t.cluster.send({ path: `/apis/${group}/${VERSION}` })).statusCode === 404);
}

async function supportsSampleServer(t: TestScope): Promise<void> {
  const group = `wardle-${t.suffix}.example.com`;
  await grantRights(t);
  const server = await startTlsServer(t, 'sample-api-server', { GROUP: group });
  const name = await register(t, group, server);
  await servesFlunders(t, group);
  await isDiscovered(t, group);
  await managesApiService(t, group, name);
}

export const aggregatorTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [LinuxOnly] [Conformance]',
    run: supportsSampleServer,
  },
];
