import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { send, type TestRequest, type TestResponse, valueAt, watchFrames } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';
import { createTestWebhooks, type TestWebhooks } from '../testing/webhook-server.ts';

let server: TestApiServer;
let hooks: TestWebhooks;
before(async () => {
  server = await createTestApiServer();
  hooks = await createTestWebhooks(server, {});
});
after(async () => {
  await server.stop();
  await hooks.stop();
});

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

type Host = { readonly [field: string]: unknown };
const isHost = (value: unknown): value is Host => typeof value === 'object' && value !== null;

/** v1 says `hostPort: "a:1"`, v2 `host: a` and `port: "1"`; which one an object is converted to is in the request. */
function convertAll(request: unknown): object {
  const desired = String(valueAt(request, 'desiredAPIVersion'));
  const objects = valueAt(request, 'objects');
  const convertedObjects = (Array.isArray(objects) ? objects : []).filter(isHost).map((object) => converted(object, desired));
  return { convertedObjects, result: { status: 'Success' } };
}

function converted({ host, port, hostPort, ...object }: Host, apiVersion: string): object {
  if (apiVersion.endsWith('/v1')) return { ...object, apiVersion, hostPort: `${String(host)}:${String(port)}` };
  const [newHost, newPort] = String(hostPort).split(':');
  return { ...object, apiVersion, host: newHost, port: newPort, leftBehind: true };
}

const text = { type: 'string' };
const schemaOf = (properties: object) => ({ schema: { openAPIV3Schema: { type: 'object', properties } } });

const selectableBy = (jsonPath: string) => ({ selectableFields: [{ jsonPath }] });

const aDefinition = (plural: string, path: string, storage: 'v1' | 'v2' = 'v1') => ({
  metadata: { name: `${plural}.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural, kind: plural.slice(0, 1).toUpperCase() + plural.slice(1, -1) },
    conversion: { strategy: 'Webhook', webhook: { clientConfig: hooks.config(path), conversionReviewVersions: ['v1', 'v1beta1'] } },
    versions: [
      { name: 'v1', served: true, storage: storage === 'v1', ...schemaOf({ hostPort: text }), ...selectableBy('.hostPort') },
      { name: 'v2', served: true, storage: storage === 'v2', ...schemaOf({ host: text, port: text }), ...selectableBy('.host') },
    ],
  },
});

async function until(look: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 5_000;
  while (!(await look())) {
    assert.ok(systemClock.monotonic() < deadline, 'it did not happen within 5 s');
    await systemClock.sleep(2, AbortSignal.timeout(5_000));
  }
}

const collection = (plural: string, version: string) => `/apis/example.com/${version}/namespaces/default/${plural}`;

async function establish(plural: string, path: string): Promise<void> {
  const created = await call('POST', CRDS, aDefinition(plural, path));
  assert.equal(created.statusCode, 201, created.text);
  await until(async () => (await call('GET', collection(plural, 'v2'))).statusCode === 200);
}

const anObject = (plural: string, version: string, name: string, fields: object) => ({
  apiVersion: `example.com/${version}`,
  kind: plural.slice(0, 1).toUpperCase() + plural.slice(1, -1),
  metadata: { name, labels: { a: 'b' } },
  ...fields,
});

describe('a custom resource with a conversion webhook', () => {
  test('that is stored in one version is read in the other', async () => {
    hooks.handle('/convert', convertAll);
    await establish('hosts', '/convert');
    const created = await call('POST', collection('hosts', 'v1'), anObject('hosts', 'v1', 'a', { hostPort: 'localhost:8080' }));
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(hooks.requests.length, 0);
    const read = await call('GET', `${collection('hosts', 'v2')}/a`);
    assert.equal(read.at('apiVersion'), 'example.com/v2');
    assert.equal(read.at('host'), 'localhost');
    assert.equal(read.at('port'), '8080');
    assert.equal(read.at('hostPort'), undefined);
    assert.equal(read.at('leftBehind'), undefined);
    assert.equal(read.at('metadata.resourceVersion'), created.at('metadata.resourceVersion'));
    assert.deepEqual(read.at('metadata.labels'), { a: 'b' });
    const [request] = hooks.of('/convert');
    assert.equal(valueAt(request, 'desiredAPIVersion'), 'example.com/v2');
    assert.equal(valueAt(request, 'objects.0.hostPort'), 'localhost:8080');
  });

  test('is converted once however often it is read', async () => {
    await call('GET', `${collection('hosts', 'v2')}/a`);
    hooks.forget();
    await call('GET', `${collection('hosts', 'v2')}/a`);
    await call('GET', collection('hosts', 'v2'));
    assert.equal(hooks.requests.length, 0);
  });

  test('is written in the other version and stored in its own', async () => {
    const created = await call('POST', collection('hosts', 'v2'), anObject('hosts', 'v2', 'b', { host: 'other', port: '1' }));
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.at('host'), 'other');
    const item = await server.storage.get('/registry/example.com/hosts/default/b');
    assert.match(String(item?.bytes), /"hostPort":"other:1"/);
    const patched = await call('PATCH', `${collection('hosts', 'v2')}/b`, { port: '2' }, merge);
    assert.equal(patched.at('port'), '2', patched.text);
    assert.equal((await call('GET', `${collection('hosts', 'v1')}/b`)).at('hostPort'), 'other:2');
  });

  test('is listed in one version though its objects are stored in two', async () => {
    await establish('mixed-hosts', '/convert');
    await call('POST', collection('mixed-hosts', 'v1'), anObject('mixed-hosts', 'v1', 'a', { hostPort: 'a:1' }));
    const definition = await call('GET', `${CRDS}/mixed-hosts.example.com`);
    const updated = await call('PUT', `${CRDS}/mixed-hosts.example.com`, {
      ...aDefinition('mixed-hosts', '/convert', 'v2'),
      metadata: definition.at('metadata'),
    });
    assert.deepEqual(updated.at('status.storedVersions'), ['v1', 'v2'], updated.text);
    await until(async () => {
      await call('POST', collection('mixed-hosts', 'v2'), anObject('mixed-hosts', 'v2', 'b', { host: 'b', port: '2' }));
      return String((await server.storage.get('/registry/example.com/mixed-hosts/default/b'))?.bytes).includes('"example.com/v2"');
    });
    const listed = await call('GET', collection('mixed-hosts', 'v2'));
    assert.deepEqual(
      [0, 1].map((index) => [listed.at(`items.${index}.apiVersion`), listed.at(`items.${index}.host`)]),
      [
        ['example.com/v2', 'a'],
        ['example.com/v2', 'b'],
      ],
    );
    assert.equal((await call('GET', `${collection('mixed-hosts', 'v1')}/b`)).at('hostPort'), 'b:2');
  });

  test('is listed with few questions, and each change is converted once for all who watch', async () => {
    await establish('many-hosts', '/convert');
    const names = Array.from({ length: 120 }, (_, index) => `h${String(index).padStart(3, '0')}`);
    for (const name of names)
      await call('POST', collection('many-hosts', 'v1'), anObject('many-hosts', 'v1', name, { hostPort: `${name}:1` }));
    hooks.forget();
    const listed = await call('GET', collection('many-hosts', 'v2'));
    assert.equal(listed.at('items.119.host'), 'h119');
    assert.equal(hooks.requests.length, 3);
    hooks.forget();
    const from = String(listed.at('metadata.resourceVersion'));
    const watching = [1, 2].map(async () => {
      for await (const frame of watchFrames(server, `${collection('many-hosts', 'v2')}?watch=true&resourceVersion=${from}`)) return frame;
    });
    await call('PATCH', `${collection('many-hosts', 'v1')}/h000`, { hostPort: 'changed:1' }, merge);
    for (const frame of await Promise.all(watching)) {
      assert.equal(valueAt(frame, 'type'), 'MODIFIED');
      assert.equal(valueAt(frame, 'object.host'), 'changed');
    }
    assert.equal(hooks.requests.length, 1);
  });

  const broken: readonly { it: string; answer: (request: unknown) => object | number; says: string | RegExp }[] = [
    {
      it: 'says that it failed',
      answer: () => ({ result: { status: 'Failure', message: 'no way' } }),
      says: 'conversion webhook for example.com/v1, Kind=Broken-host failed: no way',
    },
    {
      it: 'says nothing of how it went',
      answer: () => ({ convertedObjects: [] }),
      says: "conversion webhook for example.com/v1, Kind=Broken-host failed: response.result.status was '', not 'Success'",
    },
    {
      it: 'loses an object',
      answer: () => ({ convertedObjects: [], result: { status: 'Success' } }),
      says: 'conversion webhook for example.com/v1, Kind=Broken-host returned 0 objects, expected 1',
    },
    {
      it: 'renames it',
      answer: (request) => withMetadata(request, { name: 'other' }),
      says: 'conversion webhook for example.com/v1, Kind=Broken-host returned invalid object: must have the same name: a != other',
    },
    {
      it: 'gives it another uid',
      answer: (request) => withMetadata(request, { uid: 'x' }),
      says: /returned invalid object: must have the same UID: [-0-9a-f]+ != x$/,
    },
    {
      it: 'gives it labels that are none',
      answer: (request) => withMetadata(request, { labels: { a: '-' } }),
      says: /returned invalid metadata: metadata.labels: Invalid value: "-": a valid label must be/,
    },
    {
      it: 'leaves it as it was',
      answer: (request) => ({ convertedObjects: valueAt(request, 'objects'), result: { status: 'Success' } }),
      says: /returned invalid object at index 0: invalid groupVersion \(expected example.com\/v2, received example.com\/v1\)$/,
    },
    {
      it: 'breaks',
      answer: () => 500,
      says: /^conversion webhook for example.com\/v1, Kind=Broken-host failed: an error on the server \("no"\) has prevented/,
    },
  ];
  function withMetadata(request: unknown, changes: object): object {
    const answer = convertAll(request);
    const [object] = [valueAt(answer, 'convertedObjects.0')].filter(isHost);
    const metadata = object?.metadata;
    return { ...answer, convertedObjects: [{ ...object, metadata: { ...(isHost(metadata) ? metadata : {}), ...changes } }] };
  }
  for (const { it, answer, says } of broken) {
    test(`is not shown when the webhook ${it}`, async () => {
      hooks.handle('/broken', answer);
      if ((await call('GET', `${CRDS}/broken-hosts.example.com`)).statusCode === 404) {
        await establish('broken-hosts', '/broken');
        await call('POST', collection('broken-hosts', 'v1'), anObject('broken-hosts', 'v1', 'a', { hostPort: 'a:1' }));
      }
      const refused = await call('GET', `${collection('broken-hosts', 'v2')}/a`);
      assert.equal(refused.statusCode, 500);
      assert.equal(refused.at('kind'), 'Status');
      if (typeof says === 'string') assert.equal(refused.at('message'), says);
      else assert.match(String(refused.at('message')), says);
      assert.equal((await call('GET', `${collection('broken-hosts', 'v1')}/a`)).statusCode, 200);
    });
  }

  test('tells a watch that it cannot be converted, and ends it', async () => {
    hooks.handle('/broken', () => ({ result: { status: 'Failure', message: 'no way' } }));
    const frames: unknown[] = [];
    for await (const frame of watchFrames(server, `${collection('broken-hosts', 'v2')}?watch=true`)) frames.push(frame);
    assert.equal(frames.length, 1);
    assert.equal(valueAt(frames[0], 'type'), 'ERROR');
    assert.match(String(valueAt(frames[0], 'object.message')), /no way$/);
  });

  test('may have labels and annotations changed by it, and nothing else of its metadata', async () => {
    hooks.handle('/broken', (request) => withMetadata(request, { labels: { c: 'd' }, creationTimestamp: 'x', finalizers: ['x/y'] }));
    const read = await call('GET', `${collection('broken-hosts', 'v2')}/a`);
    assert.deepEqual(read.at('metadata.labels'), { c: 'd' });
    assert.equal(read.at('metadata.finalizers'), undefined);
    assert.match(String(read.at('metadata.creationTimestamp')), /^\d{4}-/);
  });

  test('is selected in each version by the fields that it has there', async () => {
    await establish('picked-hosts', '/convert');
    const [v1, v2] = [collection('picked-hosts', 'v1'), collection('picked-hosts', 'v2')];
    const begin = await call('GET', v2);
    for (const [name, hostPort] of [
      ['a', 'here:1'],
      ['b', 'here:2'],
      ['c', 'there:1'],
    ] as const) {
      await call('POST', v1, anObject('picked-hosts', 'v1', name, { hostPort }));
    }
    const names = async (path: string) => {
      const listed = (await call('GET', path)).at('items');
      return Array.isArray(listed) ? listed.map((item) => valueAt(item, 'metadata.name')) : listed;
    };
    assert.deepEqual(await names(`${v2}?fieldSelector=host=here`), ['a', 'b']);
    assert.deepEqual(await names(`${v1}?fieldSelector=hostPort=there:1`), ['c']);
    await call('PATCH', `${v1}/a`, { hostPort: 'there:1' }, merge);
    const told: string[] = [];
    const from = String(begin.at('metadata.resourceVersion'));
    for await (const frame of watchFrames(server, `${v2}?watch=true&fieldSelector=host=here&resourceVersion=${from}`)) {
      told.push(`${String(valueAt(frame, 'type'))} ${String(valueAt(frame, 'object.metadata.name'))}`);
      if (told.length === 3) break;
    }
    assert.deepEqual(told, ['ADDED a', 'ADDED b', 'DELETED a']);
  });

  test('is shown to admission webhooks in the version that they ask for', async () => {
    hooks.handle('/see', () => ({ allowed: false }));
    const rules = [{ operations: ['*'], apiGroups: ['example.com'], apiVersions: ['v2'], resources: ['hosts'] }];
    const webhook = {
      name: 'see.example.com',
      clientConfig: hooks.config('/see'),
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    assert.equal((await call('POST', path, { metadata: { name: 'see' }, webhooks: [webhook] })).statusCode, 201);
    await call('GET', path);
    const refused = await call('PATCH', `${collection('hosts', 'v1')}/a`, { hostPort: 'new:9' }, merge);
    assert.match(refused.text, /denied the request/);
    assert.equal(valueAt(hooks.of('/see')[0], 'object.host'), 'new');
    assert.equal(valueAt(hooks.of('/see')[0], 'oldObject.host'), 'localhost');
    const patch = Buffer.from(JSON.stringify([{ op: 'replace', path: '/port', value: '10' }])).toString('base64');
    hooks.handle('/see', () => ({ allowed: true, patchType: 'JSONPatch', patch }));
    assert.equal((await call('PATCH', `${collection('hosts', 'v1')}/a`, { hostPort: 'new:9' }, merge)).at('hostPort'), 'new:10');
    await call('DELETE', `${path}/see`);
  });

  test('goes with its definition', async () => {
    await call('DELETE', `${CRDS}/hosts.example.com`);
    await until(async () => (await call('GET', `${CRDS}/hosts.example.com`)).statusCode === 404);
  });
});
