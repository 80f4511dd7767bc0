/** Flow control in the whole server: the objects that are there, that they stay, and what clients see of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { send, type TestRequest, watchFrames } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

const GROUP = '/apis/flowcontrol.apiserver.k8s.io/v1';
const SCHEMAS = `${GROUP}/flowschemas`;
const LEVELS = `${GROUP}/prioritylevelconfigurations`;
const call = (method: string, path: string, body?: unknown, options: TestRequest = {}) =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });
const table = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
const patch = { headers: { 'content-type': 'application/merge-patch+json' } };

/** The object once it is as wanted: what the server itself does to it comes after the answer. */
async function untilIs(path: string, is: (at: (path: string) => unknown) => boolean): Promise<void> {
  const name = path.split('/').at(-1) ?? '';
  const collection = path.slice(0, path.lastIndexOf('/'));
  const now = await call('GET', path);
  if (is(now.at)) return;
  for await (const frame of watchFrames(server, `${collection}?watch=1&fieldSelector=metadata.name=${name}`, {
    signal: AbortSignal.timeout(5_000),
  })) {
    const at = (wanted: string) =>
      wanted
        .split('.')
        .reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), frame);
    if (is((wanted) => at(`object.${wanted}`))) return;
  }
  assert.fail('the watch ended');
}

test('the default objects are there, as kubectl shows them', async () => {
  const levels = await call('GET', LEVELS, undefined, table);
  assert.deepEqual(levels.at('rows.0.cells.0'), 'catch-all');
  assert.deepEqual(levels.at('rows.0.cells.1'), 'Limited');
  assert.deepEqual(levels.at('rows.0.cells.2'), 5);
  assert.deepEqual(levels.at('rows.0.cells.3'), '<none>');
  const schemas = await call('GET', SCHEMAS);
  const items = schemas.at('items');
  assert.ok(Array.isArray(items) && items.length === 13);
  await untilIs(`${SCHEMAS}/global-default`, (at) => at('status.conditions.0.status') === 'False');
  const { at } = await call('GET', `${SCHEMAS}/global-default`);
  assert.equal(at('metadata.annotations')?.constructor, Object);
  assert.equal(at('status.conditions.0.type'), 'Dangling');
  assert.equal(
    at('status.conditions.0.message'),
    'This FlowSchema references the PriorityLevelConfiguration object named "global-default" and it exists',
  );
});

test('a mandatory object that is deleted comes back', async () => {
  const before = await call('GET', `${LEVELS}/exempt`);
  assert.equal((await call('DELETE', `${LEVELS}/exempt`)).statusCode, 200);
  await untilIs(`${LEVELS}/exempt`, (at) => at('spec.type') === 'Exempt' && at('metadata.uid') !== before.at('metadata.uid'));
});

test('a suggested object gets its spec back until somebody takes it over', async () => {
  const path = `${SCHEMAS}/probes`;
  await call('PATCH', path, { spec: { matchingPrecedence: 77 } }, patch);
  await untilIs(path, (at) => at('spec.matchingPrecedence') === 2);
  const own = { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } }, spec: { matchingPrecedence: 78 } };
  assert.equal((await call('PATCH', path, own, patch)).at('spec.matchingPrecedence'), 78);
  await call('PATCH', `${SCHEMAS}/service-accounts`, { spec: { matchingPrecedence: 9_001 } }, patch);
  await untilIs(`${SCHEMAS}/service-accounts`, (at) => at('spec.matchingPrecedence') === 9_000);
  assert.equal((await call('GET', path)).at('spec.matchingPrecedence'), 78);
});

test('a mandatory spec is fixed', async () => {
  const refused = await call('PATCH', `${SCHEMAS}/catch-all`, { spec: { matchingPrecedence: 9_999 } }, patch);
  assert.equal(refused.statusCode, 422);
  assert.match(refused.text, /spec of 'catch-all' must equal the fixed value/);
});

test('a schema says that its level is missing', async () => {
  const body = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name: 'mine' },
    spec: { priorityLevelConfiguration: { name: 'nowhere' } },
  };
  const created = await call('POST', SCHEMAS, body);
  assert.equal(created.statusCode, 201);
  assert.equal(created.at('spec.matchingPrecedence'), 1_000);
  await untilIs(`${SCHEMAS}/mine`, (at) => at('status.conditions.0.reason') === 'NotFound');
  assert.equal((await call('GET', SCHEMAS, undefined, table)).text.includes('"True"'), true);
});

test('every answer says how its request was classified, a stream and a refusal too', async () => {
  const user = await server.client('jane');
  const [schema, level] = await Promise.all([call('GET', `${SCHEMAS}/global-default`), call('GET', `${LEVELS}/global-default`)]);
  const uids = { schema: schema.at('metadata.uid'), level: level.at('metadata.uid') };
  for (const path of ['/api/v1/pods', '/version', '/nothing']) {
    const { headers } = await call('GET', path, undefined, { as: user });
    assert.equal(headers['x-kubernetes-pf-flowschema-uid'], uids.schema, path);
    assert.equal(headers['x-kubernetes-pf-prioritylevel-uid'], uids.level, path);
  }
  const watched = await call('GET', '/api/v1/namespaces?watch=1&timeoutSeconds=1');
  assert.ok(watched.headers['x-kubernetes-pf-flowschema-uid']);
});

test('a level without seats refuses, and says when to come back', async () => {
  const level = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: { name: 'closed' },
    spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } } },
  };
  assert.equal((await call('POST', LEVELS, level)).statusCode, 201);
  const schema = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name: 'closed' },
    spec: {
      priorityLevelConfiguration: { name: 'closed' },
      matchingPrecedence: 50,
      rules: [{ subjects: [{ kind: 'User', user: { name: 'mallory' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
    },
  };
  assert.equal((await call('POST', SCHEMAS, schema)).statusCode, 201);
  await untilIs(`${SCHEMAS}/closed`, (at) => at('status.conditions.0.status') === 'False');
  const mallory = await server.client('mallory');
  const refused = await call('GET', '/version', undefined, { as: mallory });
  assert.equal(refused.statusCode, 429);
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal(refused.at('message'), 'Too many requests, please try again later.');
  assert.equal((await call('GET', '/version', undefined, { as: await server.client('jane') })).statusCode, 200);
  const metrics = await call('GET', '/metrics');
  assert.match(
    metrics.text,
    /apiserver_flowcontrol_rejected_requests_total\{priority_level="closed",flow_schema="closed",reason="concurrency-limit"\} 1/,
  );
});
