/**
 * What many conformance tests ask of a resource: that discovery tells of it, and that it can be created, got, listed, watched, patched, updated
 * and deleted, one by one and as a collection, its status included. The test says what an object of it looks like.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { expectRefusal } from './expect.ts';
import type { Resource } from './resource.ts';
import type { Watch } from './watch.ts';

const OBJECTS = 3;

export interface ApiOperations {
  /** `flowcontrol.apiserver.k8s.io/v1/flowschemas` */
  readonly resource: string;
  /** False: cluster-wide. */
  readonly isNamespaced?: boolean;
  /** `kind` and whatever makes an object valid; metadata is added. */
  anObject(name: string): Json;
  /** For a resource that wants names of a certain form. */
  nameOf?(index: number): string;
  /** A status to patch in, for a resource that has one; and one to update to. */
  readonly status?: { readonly patch: Json; readonly update: Json };
}

/** Throws at the first operation that does not do what it should. */
export async function checkApiOperations(t: TestScope, operations: ApiOperations): Promise<void> {
  await checkDiscovery(t, operations);
  const resource = t.resource(operations.resource, operations.isNamespaced === true ? t.namespace : '');
  const labelSelector = `e2e-operations=${t.suffix}`;
  t.cleanUp(() => resource.deleteCollection({ labelSelector }));
  const { nameOf = (index: number) => `e2e-${t.suffix}-${index}` } = operations;
  const names = Array.from({ length: OBJECTS }, (_, index) => nameOf(index));
  for (const name of names) await resource.create(labelled(t, name, operations.anObject(name)));
  const [name = '', ...others] = names;
  assert.equal((await resource.get(name)).metadata.name, name);
  const list = await resource.list({ labelSelector });
  assert.deepEqual(namesOf(list.items), names);
  const watch = await resource.watch({ labelSelector, resourceVersion: list.metadata.resourceVersion });
  await checkChanges(resource, watch, name);
  if (operations.status !== undefined) await checkStatus(resource, name, operations.status);
  await resource.delete(name);
  await resource.untilGone(name);
  await expectRefusal(resource.get(name), { reason: 'NotFound' });
  const deleted = await watch.until('the deletion is told', ({ type }) => type === 'DELETED');
  assert.equal(deleted.object.metadata.name, name);
  assert.deepEqual(namesOf((await resource.list({ labelSelector })).items), others);
  await resource.deleteCollection({ labelSelector });
  await resource.untilAll({ labelSelector }, 'the collection is deleted', (items) => items.length === 0);
}

/** Asserts that the group, its version and the resource (with its status, if it has one) are in the documents that should name them. */
export async function checkDiscovery(t: TestScope, { resource, status }: Pick<ApiOperations, 'resource' | 'status'>): Promise<void> {
  const [group, version, plural] = resource.split('/');
  const groupVersion = `${group}/${version}`;
  const { groups } = await t.cluster.request({ path: '/apis' });
  const listed = groups.find(({ name }: Json) => name === group);
  const own = await t.cluster.request({ path: `/apis/${group}` });
  for (const document of [listed, own])
    assert.ok(
      document?.versions.some((served: Json) => served.groupVersion === groupVersion),
      `discovery has ${groupVersion}`,
    );
  const { resources } = await t.cluster.request({ path: `/apis/${groupVersion}` });
  for (const expected of status === undefined ? [plural] : [plural, `${plural}/status`])
    assert.ok(
      resources.some(({ name }: Json) => name === expected),
      `${groupVersion} has ${expected}`,
    );
}

function labelled(t: TestScope, name: string, object: Json): Json {
  const { metadata = {}, ...rest } = object;
  return { ...rest, metadata: { ...metadata, name, labels: { ...metadata.labels, 'e2e-operations': t.suffix } } };
}

function namesOf(items: readonly Json[]): readonly string[] {
  return items.map(({ metadata }) => metadata.name).sort();
}

async function checkChanges(resource: Resource, watch: Watch, name: string): Promise<void> {
  const patched = await resource.patch(name, { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata.annotations.patched, 'true');
  const updated = await resource.change(name, (object) => {
    object.metadata.annotations.updated = 'true';
  });
  assert.deepEqual([updated.metadata.annotations.patched, updated.metadata.annotations.updated], ['true', 'true']);
  for (const annotation of ['patched', 'updated'])
    await watch.until(
      `the change to ${annotation} is told`,
      ({ type, object }) => type === 'MODIFIED' && object.metadata.name === name && object.metadata.annotations?.[annotation] === 'true',
    );
}

async function checkStatus(resource: Resource, name: string, { patch, update }: { patch: Json; update: Json }): Promise<void> {
  assert.equal((await resource.get(name, 'status')).metadata.name, name);
  const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: patch };
  const patched = await resource.patch(name, body, { subresource: 'status' });
  assertHas(patched.status, patch);
  const updated = await resource.change(
    name,
    (object) => {
      object.status = { ...object.status, ...update };
    },
    'status',
  );
  assertHas(updated.status, update);
  assertHas((await resource.get(name, 'status')).status, update);
}

/** Asserts that every field of `expected` is in `actual`; of a list of conditions, that each is there with what is said of it. */
function assertHas(actual: Json, expected: Json): void {
  for (const [field, value] of Object.entries(expected)) {
    if (!Array.isArray(value)) {
      assert.deepEqual(actual[field], value);
      continue;
    }
    for (const condition of value) {
      const found = actual[field]?.find(({ type }: Json) => type === condition.type);
      assert.ok(found, `${field} has ${condition.type} in ${JSON.stringify(actual)}`);
      assert.deepEqual({ ...found, ...condition }, found);
    }
  }
}
