/** CustomResourceDefinitions as objects: made, listed, watched, given a status, deleted; and the defaults they give their custom resources. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aDefinition, DEFINITIONS, define } from '../framework/definition.ts';
import { eventually } from '../framework/expect.ts';

const GROUP = 'apiextensions.k8s.io';
const LISTED = 10;

async function isCreatedAndDeleted(t: TestScope): Promise<void> {
  const { definition } = await define(t, aDefinition(t, { scope: 'Cluster' }));
  const definitions = t.resource(DEFINITIONS, '');
  await definitions.delete(definition.metadata.name);
  await definitions.untilGone(definition.metadata.name);
}

async function isListed(t: TestScope): Promise<void> {
  const definitions = t.resource(DEFINITIONS, '');
  const labels = { 'e2e-list-test': t.suffix };
  const labelled = await Promise.all(
    Array.from({ length: LISTED }, (_, index) => define(t, aDefinition(t, { group: `listed-${index}`, scope: 'Cluster', labels }))),
  );
  const other = await define(t, aDefinition(t, { group: 'unlisted', scope: 'Cluster' }));
  const selector = { labelSelector: `e2e-list-test=${t.suffix}` };
  const list = await definitions.list(selector);
  const specs = (items: readonly Json[]) => new Map(items.map(({ metadata, spec }) => [metadata.name, spec]));
  assert.deepEqual(specs(list.items), specs(labelled.map(({ definition }) => definition).toSorted(byName)));
  await definitions.deleteCollection(selector);
  await definitions.untilAll(selector, 'the labelled definitions are gone', (items) => items.length === 0);
  await definitions.get(other.definition.metadata.name);
}

function byName(left: Json, right: Json): number {
  return left.metadata.name < right.metadata.name ? -1 : 1;
}

const messages = (definition: Json): readonly string[] => definition.status.conditions.map(({ message }: Json) => message);

async function hasStatus(t: TestScope): Promise<void> {
  const { definition } = await define(t, aDefinition(t, { scope: 'Cluster' }));
  const definitions = t.resource(DEFINITIONS, '');
  const { name } = definition.metadata;
  assert.deepEqual((await definitions.get(name, 'status')).spec, definition.spec);
  const updated = await definitions.change(
    name,
    (object) => {
      object.status.conditions.push({ type: 'E2eUpdated', status: 'True', message: 'updated' });
    },
    'status',
  );
  assert.ok(messages(updated).includes('updated'));
  assert.ok(messages(await definitions.get(name, 'status')).includes('updated'));
  const condition = { type: 'E2ePatched', status: 'True', message: 'patched' };
  const patch = [{ op: 'add', path: '/status/conditions', value: [condition] }];
  const patched = await definitions.patch(name, patch, { type: 'json', subresource: 'status' });
  assert.ok(messages(patched).includes('patched'));
}

async function isInDiscovery(t: TestScope): Promise<void> {
  const { groups } = await t.cluster.request({ path: '/apis' });
  const listed = groups.find(({ name }: Json) => name === GROUP);
  const group = await t.cluster.request({ path: `/apis/${GROUP}` });
  assert.equal(group.name, GROUP);
  for (const { versions } of [listed, group]) assert.ok(versions.some(({ groupVersion }: Json) => groupVersion === `${GROUP}/v1`));
  const list = await t.cluster.request({ path: `/apis/${GROUP}/v1` });
  assert.equal(list.groupVersion, `${GROUP}/v1`);
  assert.ok(list.resources.some(({ name }: Json) => name === 'customresourcedefinitions'));
}

/** Two objects, named `name-1` and `name-2`: a watch of each tells of it alone. */
async function isWatched(t: TestScope): Promise<void> {
  const { objects, kind, apiVersion } = await define(t, aDefinition(t, { kind: 'NoxuWatched', scope: 'Cluster' }));
  const all = objects();
  const names = ['name-1', 'name-2'];
  const watches = await Promise.all(names.map((name) => all.watch({ fieldSelector: `metadata.name=${name}` })));
  const forEach = async (act: (name: string) => Promise<unknown>, type: 'ADDED' | 'MODIFIED' | 'DELETED') => {
    for (const [index, name] of names.entries()) {
      await act(name);
      const told = await watches[index]?.expect(type, `${type} of ${name}`);
      assert.equal(told.metadata.name, name);
    }
  };
  await forEach((name) => all.create({ apiVersion: apiVersion(), kind, metadata: { name }, content: { key: 'value' } }), 'ADDED');
  await forEach((name) => all.patch(name, { content: { dummy: 'test' } }), 'MODIFIED');
  await forEach((name) => all.delete(name), 'DELETED');
}

async function defaults(t: TestScope): Promise<void> {
  const properties = { a: { type: 'string' }, b: { type: 'string' } };
  const versions = [{ name: 'v1', schema: { openAPIV3Schema: { type: 'object', properties } } }];
  const { definition, objects, kind, apiVersion } = await define(t, aDefinition(t, { scope: 'Cluster', versions }));
  const all = objects();
  const change = (patch: Json) => t.resource(DEFINITIONS, '').patch(definition.metadata.name, patch, { type: 'json' });
  const path = '/spec/versions/0/schema/openAPIV3Schema/properties';
  const create = (name: string) => all.create({ apiVersion: apiVersion(), kind, metadata: { name } });
  await create('cr-1');
  await change([{ op: 'add', path: `${path}/a/default`, value: 'A' }]);
  await eventually('what is stored without a is read with its default', async () => (await all.get('cr-1')).a === 'A');
  assert.equal((await create('cr-2')).a, 'A');
  await change([
    { op: 'remove', path: `${path}/a/default` },
    { op: 'add', path: `${path}/b/default`, value: 'B' },
  ]);
  const second = await eventually('b is read with its default', async () => {
    const object = await all.get('cr-2');
    return object.b === 'B' && object;
  });
  assert.equal(second.a, 'A', 'what was stored by default stays');
  const first = await all.get('cr-1');
  assert.equal(first.a, undefined, 'what was never stored goes with the default');
  assert.equal(first.b, 'B');
}

export const customResourceDefinitionTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]',
    run: isWatched,
  },
  {
    name: '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works [Conformance]',
    run: isCreatedAndDeleted,
  },
  {
    name: '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]',
    run: isListed,
  },
  {
    name: '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]',
    run: hasStatus,
  },
  {
    name: '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents [Conformance]',
    run: isInDiscovery,
  },
  {
    name: '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works [Conformance]',
    run: defaults,
  },
];
