/** Whatever has a scale is scaled and counted, custom resources included: the API server, its discovery and the controllers together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customresourcedefinitions, horizontalpodautoscalersV2, poddisruptionbudgets, pods } from '#api/generated/resources.ts';
import { type ApiObject, type ResourceType, resourceType } from '#api/meta/resource-type.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';

interface Farm extends ApiObject {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly replicas: number; readonly selector: string };
}

const farms: ResourceType<Farm> = resourceType({
  group: 'example.com',
  version: 'v1',
  kind: 'Farm',
  plural: 'farms',
  schema: '',
  isNamespaced: true,
  verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  subresources: [],
});

const key = { namespace: 'default', name: 'green' };
const labels = { app: 'farm' };

/** A custom resource with a scale, one object of it, and two pods that it controls. */
async function aFarm({ client, clock }: Cluster, replicas: number): Promise<Farm> {
  const properties = {
    spec: { type: 'object', properties: { replicas: { type: 'integer' } } },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  };
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' };
  const schema = { openAPIV3Schema: { type: 'object', properties } };
  await client.resource(customresourcedefinitions).create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'farms.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'farms', kind: 'Farm' },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {}, scale } }],
    },
  });
  let farm: Farm | undefined;
  const create = async () => {
    farm = await client
      .resource(farms)
      .create({ apiVersion: 'example.com/v1', kind: 'Farm', metadata: key, spec: { replicas } })
      .catch(() => undefined);
    return farm !== undefined;
  };
  await clock.advanceUntil(create, { virtualMsMax: 30_000 });
  assert.ok(farm);
  const owner = { apiVersion: 'example.com/v1', kind: 'Farm', name: 'green', uid: farm.metadata.uid, controller: true };
  for (const name of ['one', 'two']) {
    await client.resource(pods).create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels, ownerReferences: [owner] },
      spec: { containers: [{ name: 'main', image: 'farm:v1' }] },
    });
  }
  return client.resource(farms).updateStatus({ ...farm, status: { replicas: 2, selector: 'app=farm' } });
}

test('an autoscaler brings a custom resource within its bounds', async () => {
  await using cluster = await createCluster();
  cluster.clock.freeze();
  await aFarm(cluster, 2);
  await cluster.client.resource(horizontalpodautoscalersV2).create({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: key,
    spec: { scaleTargetRef: { apiVersion: 'example.com/v1', kind: 'Farm', name: 'green' }, minReplicas: 3, maxReplicas: 5 },
  });
  const replicas = async () => (await cluster.client.resource(farms).get(key)).spec.replicas;
  await cluster.clock.advanceUntil(async () => (await replicas()) === 3, { virtualMsMax: 60_000 });
});

test('a disruption budget expects as many pods as the scale of a custom resource says', async () => {
  await using cluster = await createCluster();
  cluster.clock.freeze();
  await aFarm(cluster, 3);
  const budgets = cluster.client.resource(poddisruptionbudgets);
  const spec = { selector: { matchLabels: labels }, maxUnavailable: 1 };
  await budgets.create({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: key, spec });
  const expected = async () => (await budgets.get(key)).status?.expectedPods;
  await cluster.clock.advanceUntil(async () => (await expected()) === 3, { virtualMsMax: 60_000 });
});
