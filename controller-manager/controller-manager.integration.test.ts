/**
 * The real controllers on a real API server with storage in memory, all in this process: what a user does with a Deployment and a namespace, and what
 * comes of it. The test plays scheduler and kubelet by giving pods a node and readiness. Runs under the controller manager's own identity.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  configmaps,
  customresourcedefinitions,
  deployments,
  endpointslices,
  events,
  leases,
  namespaces,
  nodes,
  pods,
  replicasets,
  serviceaccounts,
  services,
} from '#api/generated/resources.ts';
import type { Deployment } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { aReadyNode, type PlayedCluster, startPlayedCluster } from './testing/played-cluster.ts';

let cluster: PlayedCluster;
let admin: PlayedCluster['admin'];
let until: PlayedCluster['until'];
let namesOf: PlayedCluster['namesOf'];

before(async () => {
  cluster = await startPlayedCluster(['one', 'two']);
  ({ admin, until, namesOf } = cluster);
});

after(() => cluster.stop());

const inDefault = (name: string) => ({ namespace: 'default', name });
const labels = { app: 'web' };

function aDeployment(namespace: string, image: string): Draft<Deployment> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  };
}

/** Rolled out and observed, as `kubectl rollout status` sees it. */
async function isRolledOut(replicas: number): Promise<boolean> {
  const { metadata, status } = await admin.resource(deployments).get(inDefault('web'));
  const isSeen = status?.observedGeneration === metadata.generation;
  return isSeen && status?.updatedReplicas === replicas && status.availableReplicas === replicas && status.replicas === replicas;
}

const patchDeployment = (spec: object) => admin.resource(deployments).patch(inDefault('web'), 'strategic', { spec });
const useImage = (image: string) => patchDeployment({ template: { spec: { containers: [{ name: 'web', image }] } } });

test('a node gets a range of pod addresses', async () => {
  await admin.resource(nodes).create(aReadyNode('worker-1'));
  await until(
    'the node has its range',
    async () => (await admin.resource(nodes).get({ namespace: '', name: 'worker-1' })).spec.podCIDR === '10.244.0.0/24',
  );
});

test('of two managers one leads', async () => {
  const lease = await admin.resource(leases).get({ namespace: 'kube-system', name: 'kube-controller-manager' });
  assert.match(lease.spec.holderIdentity ?? '', /^(one|two)$/);
});

test('a Deployment becomes a ReplicaSet, pods and endpoints', async () => {
  await admin.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inDefault('web'),
    spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('three pods run', () => isRolledOut(3));
  assert.equal((await namesOf(pods)).length, 3);
  const [replicaSet = ''] = await namesOf(replicasets);
  assert.ok((await namesOf(pods)).every((name) => name.startsWith(`${replicaSet}-`)));
  await until('all endpoints are ready', async () => {
    const { items } = await admin.resource(endpointslices).list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' });
    const ready = items.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready === true);
    return ready.length === 3;
  });
  await until('the events are written', async () => {
    const { items } = await admin.resource(events).list({ namespace: 'default' });
    const messages = items.map(({ message }) => message);
    return (
      messages.includes(`Scaled up replica set ${replicaSet} from 0 to 3`) &&
      messages.some((message) => message?.startsWith('Created pod: web-'))
    );
  });
});

test('at rest nothing is written', async () => {
  const kinds = [deployments, replicasets, pods, endpointslices, services, namespaces, nodes];
  const earlier = await cluster.versionsOf(kinds);
  await cluster.sleep(1_500);
  assert.deepEqual(await cluster.versionsOf(kinds), earlier);
});

test('scaling makes exactly the pods that are wanted', async () => {
  await patchDeployment({ replicas: 10 });
  await until('ten pods run', () => isRolledOut(10));
  assert.equal((await namesOf(pods)).length, 10);
  await patchDeployment({ replicas: 2 });
  await until('two pods are left', async () => (await isRolledOut(2)) && (await namesOf(pods)).length === 2);
});

test('a new image rolls out, and an undo goes back to the first ReplicaSet', async () => {
  const [first = ''] = await namesOf(replicasets);
  await useImage('web:v2');
  await until('the second version runs', async () => (await namesOf(replicasets)).length === 2 && (await isRolledOut(2)));
  await useImage('web:v1');
  await until('the first version runs again', async () => {
    const replicaSet = await admin.resource(replicasets).get(inDefault(first));
    return replicaSet.status?.availableReplicas === 2 && (await isRolledOut(2));
  });
  assert.equal((await namesOf(replicasets)).length, 2);
  const revision = async () =>
    (await admin.resource(deployments).get(inDefault('web'))).metadata.annotations?.['deployment.kubernetes.io/revision'];
  await until('it is the third revision', async () => (await revision()) === '3');
  const { status } = await admin.resource(deployments).get(inDefault('web'));
  assert.equal(findCondition(status?.conditions, 'Progressing')?.reason, 'NewReplicaSetAvailable');
});

test('a pod that is deleted is replaced', async () => {
  const [victim = ''] = await namesOf(pods);
  await admin.resource(pods).delete(inDefault(victim));
  await until('another pod runs', async () => !(await namesOf(pods)).includes(victim) && (await isRolledOut(2)));
});

test('deleting in the foreground takes the pods first', async () => {
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Foreground' });
  await until('everything is gone', async () => {
    const left = await Promise.all([namesOf(deployments), namesOf(replicasets), namesOf(pods)]);
    return left.flat().length === 0;
  });
});

test('an orphaned ReplicaSet stays with its pods and is adopted by the next Deployment of its kind', async () => {
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('three pods run', () => isRolledOut(3));
  const running = await namesOf(pods);
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Orphan' });
  await until('the Deployment is gone', async () => (await namesOf(deployments)).length === 0);
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('the new one has taken over', () => isRolledOut(3));
  assert.deepEqual(await namesOf(pods), running);
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Background' });
  await until('everything is gone', async () => [...(await namesOf(replicasets)), ...(await namesOf(pods))].length === 0);
});

test('a namespace goes with everything in it', async () => {
  await admin.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' }, spec: {} });
  await admin.resource(deployments).create(aDeployment('team', 'web:v1'));
  await until('its pods run', async () => (await namesOf(pods, 'team')).length === 3);
  await admin.resource(namespaces).delete({ namespace: '', name: 'team' });
  await until('it is gone', async () => !(await admin.resource(namespaces).list()).items.some(({ metadata }) => metadata.name === 'team'));
  assert.deepEqual(await namesOf(pods, 'team'), []);
});

const widgets: ResourceType<ApiObject> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  schema: 'com.example.v1.Widget',
  isNamespaced: true,
  verbs: ['create', 'delete', 'get', 'list', 'watch'],
  subresources: [],
};
const aWidget = (namespace: string, name: string) => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, namespace } });

test('custom resources are owners, and go with their namespace', async () => {
  const schema = { openAPIV3Schema: { type: 'object' } };
  await admin.resource(customresourcedefinitions).create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  await until('widgets are served', async () => {
    const definition = await admin.resource(customresourcedefinitions).get({ namespace: '', name: 'widgets.example.com' });
    return findCondition(definition.status?.conditions, 'Established')?.status === 'True';
  });
  const owner = await admin.resource(widgets).create(aWidget('default', 'owner'));
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'owner', uid: owner.metadata.uid ?? '' }];
  const dependent = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'dependent', namespace: 'default', ownerReferences } };
  await admin.resource(configmaps).create(dependent);
  await admin.resource(widgets).delete(inDefault('owner'), {});
  await until('the dependent is gone', async () => !(await namesOf(configmaps)).includes('dependent'));

  await admin.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'workshop' }, spec: {} });
  await admin.resource(widgets).create(aWidget('workshop', 'inside'));
  await admin.resource(namespaces).delete({ namespace: '', name: 'workshop' }, {});
  await until('the namespace is gone', async () => !(await namesOf(namespaces, '')).includes('workshop'));
  assert.deepEqual((await admin.resource(widgets).list()).items, []);
});

test('every namespace has its default account and the authority, and they come back', async () => {
  const namespace = 'accounts';
  await admin.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} });
  const account = { namespace, name: 'default' };
  const authority = { namespace, name: 'kube-root-ca.crt' };
  const exists = async <T extends ApiObject>(type: ResourceType<T>, key: { namespace: string; name: string }) =>
    (await admin.resource(type).list({ namespace })).items.some(({ metadata }) => metadata.name === key.name);
  for (const round of ['first', 'second']) {
    await until(`the account is there for the ${round} time`, () => exists(serviceaccounts, account));
    await until(`the authority is there for the ${round} time`, () => exists(configmaps, authority));
    assert.equal((await admin.resource(configmaps).get(authority)).data?.['ca.crt'], cluster.ca);
    await admin.resource(serviceaccounts).delete(account);
    await admin.resource(configmaps).delete(authority);
  }
});
