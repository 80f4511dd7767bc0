import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { createMemoryStorage } from '../storage/memory-storage.ts';
import { send, type TestRequest, type TestResponse, valueAt, watchFrames } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

const specSchema = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 10 },
    color: { type: 'string', enum: ['red', 'green'], default: 'red' },
    name: { type: 'string', pattern: '^[a-z]+$', maxLength: 5 },
    port: { 'x-kubernetes-int-or-string': true },
    parts: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
      items: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, count: { type: 'integer', default: 1 } } },
    },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const statusSchema = { type: 'object', properties: { size: { type: 'integer' }, selector: { type: 'string' } } };
const rootSchema = { type: 'object', properties: { spec: specSchema, status: statusSchema } };

const aVersion = (name: string, more: object = {}) => ({
  name,
  served: true,
  storage: true,
  schema: { openAPIV3Schema: rootSchema },
  subresources: {
    status: {},
    scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size', labelSelectorPath: '.status.selector' },
  },
  additionalPrinterColumns: [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
    { name: 'First', type: 'string', jsonPath: '.spec.parts[?(@.id=="a")].count', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.color' }],
  ...more,
});

const aDefinition = (plural: string, kind: string, options: { group?: string; versions?: readonly object[]; names?: object } = {}) => {
  const group = options.group ?? 'example.com';
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, ...options.names },
      versions: options.versions ?? [aVersion('v1')],
    },
  };
};

const conditionOf = (response: TestResponse, type: string): unknown => {
  const conditions = response.at('status.conditions');
  return Array.isArray(conditions) ? conditions.find((condition) => valueAt(condition, 'type') === type) : undefined;
};

/** What happens in the background of the server is asked for until it has. */
async function until(look: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 5_000;
  while (!(await look())) {
    assert.ok(systemClock.monotonic() < deadline, 'it did not happen within 5 s');
    await systemClock.sleep(2, AbortSignal.timeout(5_000));
  }
}

async function establish(definition: ReturnType<typeof aDefinition>): Promise<void> {
  const created = await call('POST', CRDS, definition);
  assert.equal(created.statusCode, 201, created.text);
  const { name } = definition.metadata;
  await until(async () => valueAt(conditionOf(await call('GET', `${CRDS}/${name}`), 'Established'), 'status') === 'True');
}

const collection = (plural: string, version = 'v1', group = 'example.com') => `/apis/${group}/${version}/namespaces/default/${plural}`;
const anObject = (kind: string, name: string, spec: object = { size: 3 }, more: object = {}) => ({
  apiVersion: 'example.com/v1',
  kind,
  metadata: { name },
  spec,
  ...more,
});

describe('a CustomResourceDefinition', () => {
  test('is completed, named and established', async () => {
    await establish(aDefinition('widgets', 'Widget', { names: { shortNames: ['wd'], categories: ['all'] } }));
    const stored = await call('GET', `${CRDS}/widgets.example.com`);
    assert.equal(stored.at('spec.names.singular'), 'widget');
    assert.equal(stored.at('spec.names.listKind'), 'WidgetList');
    assert.equal(stored.at('spec.conversion.strategy'), 'None');
    assert.deepEqual(stored.at('status.storedVersions'), ['v1']);
    assert.equal(stored.at('status.acceptedNames.plural'), 'widgets');
    assert.equal(valueAt(conditionOf(stored, 'NamesAccepted'), 'reason'), 'NoConflicts');
    assert.equal(valueAt(conditionOf(stored, 'Established'), 'reason'), 'InitialNamesAccepted');
  });

  test('shows in discovery, plain and aggregated, and in OpenAPI, with another hash', async () => {
    const hashBefore = (await call('GET', '/openapi/v3')).at('paths.apis/example.com/v1');
    const plain = await call('GET', '/apis/example.com/v1');
    assert.match(plain.text, /"name":"widgets\/scale".*"kind":"Scale"/);
    assert.match(plain.text, /"shortNames":\["wd"\]/);
    const accept = { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' } };
    assert.match((await call('GET', '/apis', undefined, accept)).text, /"resource":"widgets"/);
    const v3 = await call('GET', '/openapi/v3/apis/example.com/v1');
    assert.match(v3.text, /"com\.example\.v1\.Widget":\{"type":"object","properties":\{"spec"/);
    assert.match((await call('GET', '/openapi/v2')).text, /"com\.example\.v1\.WidgetList"/);
    const version = aVersion('v1', { schema: { openAPIV3Schema: { ...rootSchema, description: 'Widgets.' } } });
    await call('PATCH', `${CRDS}/widgets.example.com`, { spec: { versions: [version] } }, MERGE);
    await until(async () => (await call('GET', '/openapi/v3')).text.includes(String(valueAt(hashBefore, 'serverRelativeURL'))) === false);
  });

  const refusals = [
    {
      it: 'without a schema',
      change: { schema: undefined },
      message: 'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
    },
    {
      it: 'that does not store its version',
      change: { storage: false },
      message: 'must have exactly one version marked as storage version',
    },
    {
      it: 'whose schema is not structural',
      change: { schema: { openAPIV3Schema: { type: 'object', properties: { spec: { properties: {} } } } } },
      message: 'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
    },
    {
      it: 'whose pattern is no regular expression',
      change: { schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string', pattern: '(' } } } } },
      message: "must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`",
    },
  ];
  for (const { it, change, message } of refusals) {
    test(`${it} is refused`, async () => {
      const refused = await call('POST', CRDS, aDefinition('refuseds', 'Refused', { versions: [aVersion('v1', change)] }));
      assert.equal(refused.statusCode, 422, refused.text);
      assert.ok(String(refused.at('message')).includes(message), refused.text);
    });
  }

  test('has to be called after its names', async () => {
    const definition = aDefinition('misnamed', 'Misnamed');
    const refused = await call('POST', CRDS, { ...definition, metadata: { name: 'other.example.com' } });
    assert.equal(
      refused.at('message'),
      'CustomResourceDefinition.apiextensions.k8s.io "other.example.com" is invalid: metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group',
    );
  });

  test('is not established while another has its names, and is once they are free', async () => {
    await establish(aDefinition('firsts', 'Same'));
    await call('POST', CRDS, aDefinition('seconds', 'Same'));
    const second = `${CRDS}/seconds.example.com`;
    await until(async () => conditionOf(await call('GET', second), 'NamesAccepted') !== undefined);
    const waiting = await call('GET', second);
    assert.equal(valueAt(conditionOf(waiting, 'NamesAccepted'), 'message'), '"SameList" is already in use');
    assert.equal(valueAt(conditionOf(waiting, 'Established'), 'reason'), 'NotAccepted');
    assert.equal((await call('GET', collection('seconds'))).statusCode, 404);
    await call('DELETE', `${CRDS}/firsts.example.com`);
    await until(async () => (await call('GET', collection('seconds'))).statusCode === 200);
    await call('DELETE', second);
  });

  test('keeps its scope and kind', async () => {
    const refused = await call('PATCH', `${CRDS}/widgets.example.com`, { spec: { scope: 'Cluster' } }, MERGE);
    assert.match(String(refused.at('message')), /spec\.scope: Invalid value: "Cluster": field is immutable/);
  });
});

describe('an object of a custom resource', () => {
  const WIDGETS = collection('widgets');

  test('is pruned and defaulted, and its author warned', async () => {
    const spec = { size: 3, odd: 1, parts: [{ id: 'a', odd: true }], free: { any: { thing: 1 } }, port: 'http' };
    const created = await call('POST', WIDGETS, anObject('Widget', 'one', spec, { status: { size: 9 } }));
    assert.equal(created.statusCode, 201, created.text);
    const expected = { size: 3, parts: [{ id: 'a', count: 1 }], free: { any: { thing: 1 } }, port: 'http', color: 'red' };
    assert.deepEqual(created.at('spec'), expected);
    assert.equal(created.at('status'), undefined);
    assert.equal(created.at('metadata.generation'), 1);
    assert.deepEqual(created.headers.warning, '299 - "unknown field \\"spec.odd\\"", 299 - "unknown field \\"spec.parts[0].odd\\""');
  });

  test('with unknown fields is refused when asked for', async () => {
    const body = { ...anObject('Widget', 'strict', { size: 1, odd: 1 }), metadata: { name: 'strict', odd: 1 } };
    const refused = await call('POST', `${WIDGETS}?fieldValidation=Strict`, body);
    assert.equal(refused.statusCode, 400);
    assert.match(String(refused.at('message')), /strict decoding error: unknown field "metadata.odd", unknown field "spec.odd"/);
  });

  test('is validated, with all problems at once in upstream’s words', async () => {
    const spec = { size: 11, color: 'blue', name: 'NO', port: true, parts: [{ id: 'a' }, { id: 'a' }] };
    const refused = await call('POST', WIDGETS, anObject('Widget', 'bad', spec));
    assert.equal(refused.statusCode, 422);
    const causes = refused.at('details.causes');
    assert.ok(Array.isArray(causes));
    assert.deepEqual(
      causes.map((cause) => `${valueAt(cause, 'field')}: ${valueAt(cause, 'message')}`),
      [
        'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10',
        'spec.color: Unsupported value: "blue": supported values: "red", "green"',
        'spec.name: Invalid value: "NO": spec.name in body should match \'^[a-z]+$\'',
        'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
        'spec.parts[1]: Duplicate value: {"id":"a"}',
      ],
    );
    const missing = await call('POST', WIDGETS, anObject('Widget', 'bad', {}));
    assert.match(String(missing.at('message')), /^Widget\.example\.com "bad" is invalid: spec\.size: Required value$/);
  });

  test('counts changes of its spec and not of its status', async () => {
    const update = { ...anObject('Widget', 'one', { size: 4 }), status: { size: 1 } };
    const updated = await call('PUT', `${WIDGETS}/one`, update);
    assert.equal(updated.at('metadata.generation'), 2);
    assert.equal(updated.at('status'), undefined);
    const status = await call('PATCH', `${WIDGETS}/one/status`, { spec: { size: 9 }, status: { size: 4, selector: 'a=b' } }, MERGE);
    assert.deepEqual([status.at('spec.size'), status.at('status.size'), status.at('metadata.generation')], [4, 4, 2]);
  });

  test('is scaled', async () => {
    const scale = await call('GET', `${WIDGETS}/one/scale`);
    assert.deepEqual([scale.at('spec.replicas'), scale.at('status')], [4, { replicas: 4, selector: 'a=b' }]);
    const scaled = await call('PATCH', `${WIDGETS}/one/scale`, { spec: { replicas: 7 } }, MERGE);
    assert.equal(scaled.at('spec.replicas'), 7);
    assert.equal((await call('GET', `${WIDGETS}/one`)).at('spec.size'), 7);
    const refused = await call('PATCH', `${WIDGETS}/one/scale`, { spec: { replicas: 11 } }, MERGE);
    assert.equal(refused.statusCode, 422);
  });

  test('is shown in its own columns', async () => {
    const headers = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
    await call('PATCH', `${WIDGETS}/one`, { spec: { parts: [{ id: 'a', count: 5 }] } }, MERGE);
    const table = await call('GET', WIDGETS, undefined, { headers });
    assert.deepEqual(table.at('columnDefinitions.2.name'), 'First');
    const cells = table.at('rows.0.cells');
    assert.ok(Array.isArray(cells));
    assert.deepEqual(cells.slice(0, 3), ['one', 7, '5']);
    assert.match(String(cells[3]), /^\d+s$/);
  });

  test('is selected by the fields its definition names, and by no others', async () => {
    await call('POST', WIDGETS, anObject('Widget', 'two', { size: 1, color: 'green' }));
    const green = await call('GET', `${WIDGETS}?fieldSelector=spec.color%3Dgreen`);
    assert.deepEqual([green.at('kind'), green.at('items.0.metadata.name'), green.at('items.1')], ['WidgetList', 'two', undefined]);
    const refused = await call('GET', `${WIDGETS}?fieldSelector=spec.size%3D1`);
    assert.deepEqual([refused.statusCode, refused.at('message')], [400, 'field label not supported: spec.size']);
  });

  test('takes JSON patches and no strategic ones', async () => {
    const headers = { 'content-type': 'application/json-patch+json' };
    const patched = await call('PATCH', `${WIDGETS}/two`, [{ op: 'replace', path: '/spec/size', value: 2 }], { headers });
    assert.equal(patched.at('spec.size'), 2);
    const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };
    assert.equal((await call('PATCH', `${WIDGETS}/two`, { spec: { size: 3 } }, strategic)).statusCode, 415);
  });

  test('of another kind or with metadata that is none is refused', async () => {
    assert.equal((await call('POST', WIDGETS, anObject('Gadget', 'x'))).statusCode, 400);
    const refused = await call('POST', WIDGETS, { ...anObject('Widget', 'x'), metadata: { name: 'x', labels: { a: 1 } } });
    assert.equal(refused.statusCode, 400, refused.text);
    assert.equal((await call('POST', WIDGETS, { ...anObject('Widget', 'x'), spec: 3 })).statusCode, 422);
  });

  test('within another is read as a resource', async () => {
    const template = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', odd: 1 }, spec: { any: 1 } };
    const created = await call('POST', WIDGETS, anObject('Widget', 'embedding', { size: 1, template }));
    assert.deepEqual(created.at('spec.template'), { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { any: 1 } });
    await call('DELETE', `${WIDGETS}/embedding`);
  });

  test('that was right under an older schema may change elsewhere', async () => {
    await establish(aDefinition('ratchets', 'Ratchet'));
    await call('POST', collection('ratchets'), anObject('Ratchet', 'old', { size: 9, name: 'abc' }));
    const properties = { ...specSchema.properties, size: { type: 'integer', maximum: 5 } };
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { ...specSchema, properties }, status: statusSchema } } };
    const versions = [aVersion('v1', { schema })];
    assert.equal((await call('PATCH', `${CRDS}/ratchets.example.com`, { spec: { versions } }, MERGE)).statusCode, 200);
    await until(async () => (await call('POST', collection('ratchets'), anObject('Ratchet', 'new', { size: 9 }))).statusCode === 422);
    const changed = await call('PATCH', `${collection('ratchets')}/old`, { spec: { name: 'xyz' } }, MERGE);
    assert.equal(changed.statusCode, 200, changed.text);
    assert.equal((await call('PATCH', `${collection('ratchets')}/old`, { spec: { size: 8 } }, MERGE)).statusCode, 422);
  });
});

describe('validation rules', () => {
  const RULED = collection('ruleds');
  const ruled = (rules: readonly object[]) => {
    const spec = { type: 'object', properties: { min: { type: 'integer' }, max: { type: 'integer' } }, 'x-kubernetes-validations': rules };
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } };
    return aDefinition('ruleds', 'Ruled', { versions: [version] });
  };

  test('that cannot be enforced are refused with the definition', async () => {
    const refused = await call('POST', CRDS, ruled([{ rule: 'self.min <' }]));
    assert.equal(refused.statusCode, 422);
    assert.match(refused.text, /spec\.validation\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule/);
  });

  test('hold for what is created and changed', async () => {
    await establish(ruled([{ rule: 'self.min <= self.max' }, { rule: 'self.max >= oldSelf.max', message: 'max may not fall' }]));
    const refused = await call('POST', RULED, anObject('Ruled', 'r', { min: 2, max: 1 }));
    assert.equal(
      refused.at('message'),
      'Ruled.example.com "r" is invalid: spec: Invalid value: "object": failed rule: self.min <= self.max',
    );
    assert.equal((await call('POST', RULED, anObject('Ruled', 'r', { min: 1, max: 3 }))).statusCode, 201);
    const fallen = await call('PATCH', `${RULED}/r`, { spec: { max: 2 } }, MERGE);
    assert.equal(fallen.at('message'), 'Ruled.example.com "r" is invalid: spec: Invalid value: "object": max may not fall');
    assert.equal((await call('PATCH', `${RULED}/r`, { spec: { max: 4 } }, MERGE)).statusCode, 200);
  });
});

describe('several versions', () => {
  const path = `${CRDS}/gears.example.com`;
  const old = aVersion('v1beta1', { storage: false, deprecated: true });

  test('serve the same object, each under its own name', async () => {
    await establish(aDefinition('gears', 'Gear', { versions: [old, aVersion('v1')] }));
    const created = await call('POST', collection('gears', 'v1beta1'), { ...anObject('Gear', 'g'), apiVersion: 'example.com/v1beta1' });
    assert.deepEqual([created.statusCode, created.at('apiVersion')], [201, 'example.com/v1beta1']);
    assert.equal(created.headers.warning, '299 - "example.com/v1beta1 Gear is deprecated"');
    assert.equal((await call('GET', `${collection('gears')}/g`)).at('apiVersion'), 'example.com/v1');
    const list = await call('GET', collection('gears', 'v1beta1'));
    assert.deepEqual([list.at('apiVersion'), list.at('items.0.apiVersion')], ['example.com/v1beta1', 'example.com/v1beta1']);
    const group = await call('GET', '/apis/example.com');
    assert.equal(group.at('preferredVersion.version'), 'v1');
  });

  test('are told apart in watches', async () => {
    const frames = watchFrames(server, `${collection('gears', 'v1beta1')}?watch=true`);
    const first = await frames.next();
    assert.equal(valueAt(first.value, 'object.apiVersion'), 'example.com/v1beta1');
    await call('PATCH', `${collection('gears')}/g`, { spec: { size: 5 } }, MERGE);
    const second = await frames.next();
    assert.deepEqual([valueAt(second.value, 'type'), valueAt(second.value, 'object.apiVersion')], ['MODIFIED', 'example.com/v1beta1']);
    await frames.return(undefined);
  });

  test('change which of them is stored, one write per object', async () => {
    const versions = [{ ...old, storage: true }, aVersion('v1', { storage: false })];
    const changed = await call('PATCH', path, { spec: { versions } }, MERGE);
    assert.deepEqual(changed.at('status.storedVersions'), ['v1', 'v1beta1']);
    const refused = await call('PATCH', path, { spec: { versions: [{ ...old, storage: true }] } }, MERGE);
    assert.match(String(refused.at('message')), /status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions/);
    const before = await call('GET', `${collection('gears')}/g`);
    await until(async () => {
      const written = await call('PUT', `${collection('gears')}/g`, { ...anObject('Gear', 'g', { size: 5 }) });
      return written.at('metadata.resourceVersion') !== before.at('metadata.resourceVersion');
    });
    const item = await server.storage.get('/registry/example.com/gears/default/g');
    assert.match(String(item?.bytes), /^\{"apiVersion":"example\.com\/v1beta1"/);
    assert.equal((await call('GET', `${collection('gears')}/g`)).at('apiVersion'), 'example.com/v1');
  });

  test('that are no longer served end their watches; the others go on', async () => {
    const ending = watchFrames(server, `${collection('gears', 'v1')}?watch=true`);
    const going = watchFrames(server, `${collection('gears', 'v1beta1')}?watch=true`);
    await Promise.all([ending.next(), going.next()]);
    const versions = [{ ...old, storage: true }, aVersion('v1', { storage: false, served: false })];
    await call('PATCH', path, { spec: { versions } }, MERGE);
    assert.equal((await ending.next()).done, true);
    assert.equal((await call('GET', collection('gears'))).statusCode, 404);
    await call('PATCH', `${collection('gears', 'v1beta1')}/g`, { spec: { size: 6 } }, MERGE);
    assert.equal(valueAt((await going.next()).value, 'object.spec.size'), 6);
    await going.return(undefined);
  });
});

describe('deleting a CustomResourceDefinition', () => {
  test('deletes its objects, ends its watches, and waits for finalizers', async () => {
    await establish(aDefinition('leavers', 'Leaver'));
    await call('POST', collection('leavers'), anObject('Leaver', 'a'));
    const held = { ...anObject('Leaver', 'held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } };
    await call('POST', collection('leavers'), held);
    const frames = watchFrames(server, `${collection('leavers')}?watch=true&resourceVersion=0`);
    await frames.next();
    await frames.next();
    const deleted = await call('DELETE', `${CRDS}/leavers.example.com`);
    assert.equal(valueAt(conditionOf(deleted, 'Terminating'), 'reason'), 'InstanceDeletionPending');
    await until(async () => (await call('GET', `${collection('leavers')}/a`)).statusCode === 404);
    const refused = await call('POST', collection('leavers'), anObject('Leaver', 'late'));
    assert.deepEqual(
      [refused.statusCode, refused.at('message')],
      [405, 'create not allowed while custom resource definition is terminating'],
    );
    assert.equal((await call('GET', `${CRDS}/leavers.example.com`)).statusCode, 200);
    const released = await call('PUT', `${collection('leavers')}/held`, { ...held, metadata: { name: 'held' } });
    assert.equal(released.statusCode, 200, released.text);
    await until(async () => (await call('GET', `${CRDS}/leavers.example.com`)).statusCode === 404);
    await until(async () => (await call('GET', collection('leavers'))).statusCode === 404);
    const rest: unknown[] = [];
    for await (const frame of frames) rest.push(valueAt(frame, 'type'));
    assert.equal(rest.filter((type) => type === 'DELETED').length, 2);
    assert.doesNotMatch((await call('GET', '/apis/example.com/v1')).text, /leavers/);
  });
});

test('custom resources are served at once after a restart, and read along a schema that changed meanwhile', async () => {
  const storage = createMemoryStorage();
  const at = async (one: TestApiServer, path: string) => send(one, path);
  {
    await using first = await createTestApiServer({ storage });
    await send(first, CRDS, { method: 'POST', body: aDefinition('stayers', 'Stayer') });
    await until(async () => (await at(first, collection('stayers'))).statusCode === 200);
    await send(first, collection('stayers'), { method: 'POST', body: anObject('Stayer', 's', { size: 2, color: 'green' }) });
    const properties = { ...specSchema.properties, extra: { type: 'string', default: 'added' } };
    const { color: _, ...fewer } = properties;
    const spec = { ...specSchema, properties: fewer };
    const versions = [aVersion('v1', { schema: { openAPIV3Schema: { type: 'object', properties: { spec } } }, selectableFields: [] })];
    const changed = await send(first, `${CRDS}/stayers.example.com`, { method: 'PATCH', body: { spec: { versions } }, ...MERGE });
    assert.equal(changed.statusCode, 200, changed.text);
    await until(async () => (await at(first, `${collection('stayers')}/s`)).at('spec.extra') === 'added');
  }
  await using second = await createTestApiServer({ storage });
  const read = await at(second, `${collection('stayers')}/s`);
  assert.deepEqual(read.at('spec'), { size: 2, extra: 'added' });
});
