/** API aggregation over the whole server, with a small aggregated server made here: what clients of either see. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { findNodeAddress } from '#component/node-address.ts';
import { createTestAuthority, type TestAuthority } from '../testing/certificates.ts';
import { open, send, type TestRequest, type TestResponse, valueAt, watchFrames } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const NAME = 'v1.wardle.example.com';
const GROUP = '/apis/wardle.example.com/v1';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
const AS_TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

/** An endpoint may not have a loopback address. */
const ADDRESS = findNodeAddress() ?? '127.0.0.1';

let server: TestApiServer;
let authority: TestAuthority;
let backend: Server;
let port = 0;
const seen: IncomingMessage[] = [];

const RESOURCES = {
  kind: 'APIResourceList',
  groupVersion: 'wardle.example.com/v1',
  resources: [
    { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['get', 'list', 'watch'], shortNames: ['fl'] },
    { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
  ],
};
const DOCUMENT_PATH = `/openapi/v3${GROUP}`;
const documents: Readonly<Record<string, object>> = {
  [GROUP]: RESOURCES,
  '/openapi/v3': { paths: { 'apis/wardle.example.com/v1': { serverRelativeURL: `${DOCUMENT_PATH}?hash=1` } } },
  [DOCUMENT_PATH]: { openapi: '3.0.0', info: { title: 'wardle' } },
  '/openapi/v2': {
    paths: { [`${GROUP}/flunders`]: { get: {} }, '/apis/apps/v1/deployments': { get: 'not its own' } },
    definitions: { 'com.example.wardle.v1.Flunder': { type: 'object' } },
  },
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  seen.push(request);
  const [path = ''] = (request.url ?? '').split('?');
  const document = documents[path];
  if (document !== undefined) return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  if (request.url?.includes('watch=true')) return void response.writeHead(200).write('{"type":"ADDED"}\n');
  response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'text/plain' });
  response.write(`${request.method} ${request.url}\n`);
  request.pipe(response);
}

async function startBackend(onPort: number): Promise<void> {
  const { certificate, key } = await authority.server(['api.default.svc']);
  backend = createServer({ cert: certificate, key, ca: server.frontProxyCa, requestCert: true, rejectUnauthorized: true }, answer);
  const sockets = new WebSocketServer({ noServer: true });
  backend.on('upgrade', (request, socket, head) => {
    seen.push(request);
    sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.on('message', (data) => webSocket.send(String(data))));
  });
  backend.listen(onPort, ADDRESS);
  await once(backend, 'listening');
  const bound = backend.address();
  port = typeof bound === 'object' && bound !== null ? bound.port : 0;
}

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

const isApiService = (body: unknown): body is object => typeof body === 'object' && body !== null;

/** Waits until an APIService says so. */
async function until(name: string, reason: string): Promise<unknown> {
  for await (const frame of watchFrames(server, `${API_SERVICES}?watch=true&fieldSelector=metadata.name=${name}`)) {
    const conditions = valueAt(frame, 'object.status.conditions');
    const condition: unknown = Array.isArray(conditions) ? conditions[0] : undefined;
    if (isApiService(condition) && valueAt(condition, 'reason') === reason) return condition;
  }
  throw new Error('the watch ended');
}

/** Waits until there is, or is not, an APIService of that name. */
async function untilThere(name: string, type: 'ADDED' | 'DELETED'): Promise<void> {
  for await (const frame of watchFrames(server, `${API_SERVICES}?watch=true&fieldSelector=metadata.name=${name}`)) {
    if (valueAt(frame, 'type') === type) return;
  }
}

const createApiService = async (spec: object = {}, group = 'wardle.example.com') => {
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  const whole = {
    group,
    version: 'v1',
    groupPriorityMinimum: 2_000,
    versionPriority: 200,
    service: { namespace: 'default', name: 'api' },
    caBundle,
    ...spec,
  };
  const created = await call('POST', API_SERVICES, { metadata: { name: `v1.${group}` }, spec: whole });
  assert.equal(created.statusCode, 201, created.text);
};

const sliceOf = (ready: boolean) => ({
  metadata: { name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } },
  addressType: 'IPv4',
  ports: [{ name: '', port, protocol: 'TCP' }],
  endpoints: [{ addresses: [ADDRESS], conditions: { ready } }],
});
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

before(async () => {
  server = await createTestApiServer();
  authority = await createTestAuthority('wardle-ca');
  await startBackend(0);
});
after(async () => {
  backend.closeAllConnections();
  backend.close();
  await server.stop();
});

describe('what this server answers itself', () => {
  test('has APIServices, which are always available', async () => {
    const table = await call('GET', API_SERVICES, undefined, { headers: { accept: AS_TABLE } });
    const columns: unknown = table.at('columnDefinitions');
    assert.ok(Array.isArray(columns));
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['Name', 'Service', 'Available', 'Age'],
    );
    const rows: unknown = table.at('rows');
    assert.ok(Array.isArray(rows));
    const cells = new Map(rows.map((row) => [String(row.cells[0]), row.cells.slice(1, 3)]));
    assert.deepEqual(cells.get('v1.'), ['Local', 'True']);
    assert.deepEqual(cells.get('v2.autoscaling'), ['Local', 'True']);
    assert.equal(cells.has('v1.apiregistration.k8s.io'), false);
    const apps = await call('GET', `${API_SERVICES}/v1.apps`);
    assert.deepEqual(apps.at('metadata.labels'), { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' });
    assert.equal(apps.at('status.conditions.0.message'), 'Local APIServices are always available');
  });

  test('gains and loses one with a custom resource', async () => {
    const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
    const schema = { openAPIV3Schema: { type: 'object' } };
    const spec = {
      group: 'custom.example.com',
      names,
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    };
    const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await call('POST', DEFINITIONS, { metadata: { name: 'things.custom.example.com' }, spec });
    await untilThere('v1.custom.example.com', 'ADDED');
    const made = await call('GET', `${API_SERVICES}/v1.custom.example.com`);
    assert.equal(made.at('spec.groupPriorityMinimum'), 1_000);
    await call('DELETE', `${DEFINITIONS}/things.custom.example.com`);
    if ((await call('GET', `${API_SERVICES}/v1.custom.example.com`)).statusCode === 200)
      await untilThere('v1.custom.example.com', 'DELETED');
  });

  test('is in the order of its priorities', async () => {
    const groups: unknown = (await call('GET', '/apis')).at('groups');
    assert.ok(Array.isArray(groups));
    assert.deepEqual(
      groups.slice(0, 4).map(({ name }) => name),
      ['apiregistration.k8s.io', 'apps', 'events.k8s.io', 'authentication.k8s.io'],
    );
    const autoscaling = await call('GET', '/apis/autoscaling');
    assert.equal(autoscaling.at('preferredVersion.version'), 'v2');
  });
});

describe('an aggregated server', () => {
  test('is not available until its Service and its endpoints are there and it answers', async () => {
    await createApiService();
    await until(NAME, 'ServiceNotFound');
    const refused = await call('GET', `${GROUP}/flunders`);
    assert.equal(refused.statusCode, 503);
    assert.equal(refused.text, 'service unavailable\n');
    await call('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'api' },
      spec: { ports: [{ port: 443, targetPort: port }] },
    });
    await until(NAME, 'EndpointsNotFound');
    await call('POST', SLICES, sliceOf(false));
    await until(NAME, 'MissingEndpoints');
    await call('PUT', `${SLICES}/api-1`, sliceOf(true));
    await until(NAME, 'Passed');
  });

  test('is told who asks, and believes it for the certificate that it sees', async () => {
    const as = await server.client('jane', ['team', 'system:masters']);
    await call('GET', `${GROUP}/namespaces/default/flunders/x?limit=1`, undefined, {
      as,
      headers: { 'x-remote-group': 'forged', 'x-custom': '1' },
    });
    const request = seen.at(-1);
    assert.ok(request);
    const { headers, headersDistinct, url } = request;
    assert.equal(url, `${GROUP}/namespaces/default/flunders/x?limit=1`);
    assert.equal(headers['x-remote-user'], 'jane');
    assert.deepEqual(headersDistinct['x-remote-group'], ['team', 'system:masters', 'system:authenticated']);
    assert.match(String(headers['x-remote-extra-authentication.kubernetes.io%2fcredential-id']), /^X509SHA256=/);
    assert.equal(headers['x-custom'], '1');
  });

  test('is told of the one that a user acts as', async () => {
    await call('GET', `${GROUP}/flunders`, undefined, { headers: { 'impersonate-user': 'joe', 'impersonate-group': 'system:masters' } });
    assert.equal(seen.at(-1)?.headers['x-remote-user'], 'joe');
    assert.equal(seen.at(-1)?.headers['impersonate-user'], undefined);
  });

  test('is asked only for who may', async () => {
    const as = await server.client('nobody');
    const forbidden = await call('GET', `${GROUP}/flunders`, undefined, { as });
    assert.equal(forbidden.statusCode, 403);
    assert.match(String(forbidden.at('message')), /^flunders\.wardle\.example\.com is forbidden/);
  });

  test('gets bodies as they are and answers as it likes', async () => {
    const created = await call('POST', `${GROUP}/namespaces/default/flunders`, 'anything', {
      headers: { 'content-type': 'application/x-anything' },
    });
    assert.equal(created.statusCode, 201);
    assert.equal(created.text, `POST ${GROUP}/namespaces/default/flunders\nanything`);
  });

  test('is watched through us, as long as the client wants', async () => {
    const response = await open(server, `${GROUP}/flunders?watch=true`, {});
    const [chunk] = await once(response, 'data');
    assert.equal(String(chunk), '{"type":"ADDED"}\n');
    const closed = once(seen.at(-1)?.socket ?? response, 'close');
    response.destroy();
    await closed;
  });

  test('may leave HTTP with its client', async () => {
    const tls = { ca: server.ca, cert: server.admin.certificate, key: server.admin.key };
    const webSocket = new WebSocket(`${server.url.replace('https', 'wss')}${GROUP}/namespaces/default/flunders/x/exec`, tls);
    await once(webSocket, 'open');
    webSocket.send('hello');
    const [data] = await once(webSocket, 'message');
    assert.equal(String(data), 'hello');
    assert.equal(seen.at(-1)?.headers['x-remote-user'], 'kubernetes-admin');
    webSocket.terminate();
  });

  test('is in discovery: its group, its version, its resources', async () => {
    const group = await call('GET', '/apis/wardle.example.com');
    assert.equal(group.at('preferredVersion.groupVersion'), 'wardle.example.com/v1');
    assert.deepEqual((await call('GET', GROUP)).body, RESOURCES);
    const all: unknown = (await call('GET', '/apis', undefined, { headers: { accept: AGGREGATED } })).at('items');
    assert.ok(Array.isArray(all));
    const found = all.find(({ metadata }) => metadata.name === 'wardle.example.com');
    const responseKind = { group: 'wardle.example.com', version: 'v1', kind: 'Flunder' };
    assert.deepEqual(found.versions, [
      {
        version: 'v1',
        resources: [
          {
            resource: 'flunders',
            responseKind,
            scope: 'Namespaced',
            singularResource: 'flunder',
            verbs: ['get', 'list', 'watch'],
            shortNames: ['fl'],
            subresources: [{ subresource: 'status', responseKind, verbs: ['get'] }],
          },
        ],
        freshness: 'Current',
      },
    ]);
    const paths: unknown = (await call('GET', '/')).at('paths');
    assert.ok(Array.isArray(paths) && paths.includes(GROUP));
  });

  test('is described with everything else', async () => {
    const index = await call('GET', '/openapi/v3');
    const paths: unknown = index.at('paths');
    assert.ok(isApiService(paths));
    assert.deepEqual(Reflect.get(paths, 'apis/wardle.example.com/v1'), { serverRelativeURL: `${DOCUMENT_PATH}?hash=1` });
    assert.equal((await call('GET', `${DOCUMENT_PATH}?hash=1`)).at('info.title'), 'wardle');
    const whole: unknown = (await call('GET', '/openapi/v2')).body;
    const part = (name: string) => (isApiService(whole) ? Reflect.get(whole, name) : undefined);
    assert.ok(Object.hasOwn(part('paths'), `${GROUP}/flunders`));
    assert.ok(Object.hasOwn(part('definitions'), 'com.example.wardle.v1.Flunder'));
    assert.notEqual(part('paths')['/apis/apps/v1/deployments']?.get, 'not its own');
  });

  test('whose certificate is another’s is not asked by clients', async () => {
    const other = await createTestAuthority('other');
    const caBundle = Buffer.from(other.certificate).toString('base64');
    await createApiService({ caBundle }, 'untrusted.example.com');
    await until('v1.untrusted.example.com', 'Passed');
    await call('PATCH', `${API_SERVICES}/${NAME}`, { spec: { caBundle } }, MERGE);
    const refused = await call('GET', `${GROUP}/flunders`);
    assert.equal(refused.statusCode, 503);
    assert.equal(
      refused.text,
      'error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority\n',
    );
    await call('PATCH', `${API_SERVICES}/${NAME}`, { spec: { caBundle: null, insecureSkipTLSVerify: true } }, MERGE);
    assert.equal((await call('GET', `${GROUP}/flunders`)).statusCode, 200);
    await call('DELETE', `${API_SERVICES}/v1.untrusted.example.com`);
  });

  test('that goes away is stale, and back when it is', async () => {
    const before = port;
    backend.closeAllConnections();
    backend.close();
    const refused = await call('GET', `${GROUP}/flunders`);
    assert.equal(refused.statusCode, 503);
    assert.equal(refused.text, `error trying to reach service: dial tcp ${ADDRESS}:${port}: connect: connection refused\n`);
    await call('PATCH', `${API_SERVICES}/${NAME}`, { spec: { versionPriority: 201 } }, MERGE);
    await until(NAME, 'FailedDiscoveryCheck');
    const items: unknown = (await call('GET', '/apis', undefined, { headers: { accept: AGGREGATED } })).at('items');
    assert.ok(Array.isArray(items));
    const stale = items.find(({ metadata }) => metadata.name === 'wardle.example.com').versions[0];
    assert.equal(stale.freshness, 'Stale');
    assert.equal(stale.resources.length, 1);
    await startBackend(before);
    await call('PATCH', `${API_SERVICES}/${NAME}`, { spec: { versionPriority: 202 } }, MERGE);
    await until(NAME, 'Passed');
  });

  test('is forgotten with its APIService', async () => {
    await call('DELETE', `${API_SERVICES}/${NAME}`);
    await untilGone('/apis/wardle.example.com');
    assert.equal((await call('GET', `${GROUP}/flunders`)).statusCode, 404);
  });
});

/** Discovery hears of a deletion by the same watch as everybody: one more round trip of it is enough. */
async function untilGone(path: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await call('GET', path)).statusCode === 404) return;
  }
  assert.fail(`${path} is still there`);
}

describe('this server behind a front proxy', () => {
  const REVIEW = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const whoAmI = (options: TestRequest) =>
    call('POST', REVIEW, { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }, options);

  test('believes who it says asks', async () => {
    const headers = { 'X-Remote-User': 'jane', 'X-Remote-Group': 'team', 'X-Remote-Uid': '42', 'X-Remote-Extra-Scope%2fx': 'all' };
    const answered = await whoAmI({ as: await server.frontProxy('front-proxy-client'), headers });
    assert.equal(answered.statusCode, 201, answered.text);
    assert.deepEqual(answered.at('status.userInfo'), {
      username: 'jane',
      uid: '42',
      groups: ['team', 'system:authenticated'],
      extra: { 'scope/x': ['all'] },
    });
  });

  const refused = [
    { it: 'another name of its authority', name: 'somebody', headers: { 'X-Remote-User': 'jane' } },
    { it: 'no user', name: 'front-proxy-client', headers: {} },
  ];
  for (const { it, name, headers } of refused) {
    test(`refuses ${it}`, async () => assert.equal((await whoAmI({ as: await server.frontProxy(name), headers })).statusCode, 401));
  }

  test('believes no such header from anybody else', async () => {
    const answered = await whoAmI({ as: await server.client('joe'), headers: { 'X-Remote-User': 'jane' } });
    assert.equal(answered.at('status.userInfo.username'), 'joe');
    assert.equal((await whoAmI({ as: null, headers: { 'X-Remote-User': 'jane' } })).statusCode, 403);
  });

  test('tells by whom it may be believed', async () => {
    const info = await call('GET', '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication');
    assert.equal(info.at('data.client-ca-file'), server.ca);
    const data: unknown = info.at('data');
    assert.ok(isApiService(data));
    assert.equal(Reflect.get(data, 'requestheader-client-ca-file'), server.frontProxyCa);
    assert.equal(Reflect.get(data, 'requestheader-allowed-names'), '["front-proxy-client"]');
    const as = await server.client('system:kube-scheduler');
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    assert.equal((await call('GET', path, undefined, { as })).statusCode, 200);
  });
});
