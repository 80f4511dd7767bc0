/** Whatever is sent, the answer is a Status with upstream's code and reason, and the server goes on. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { api, closeApi } from './cluster.ts';

after(closeApi);

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const aConfigMap = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

interface Case {
  readonly it: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly code: number;
  readonly reason: string;
  readonly message?: RegExp;
}

const cases: readonly Case[] = [
  { it: 'malformed JSON', method: 'POST', path: configMaps, body: '{"kind":', code: 400, reason: 'BadRequest' },
  {
    it: 'malformed YAML',
    method: 'POST',
    path: configMaps,
    body: 'a: [',
    contentType: 'application/yaml',
    code: 400,
    reason: 'BadRequest',
  },
  {
    it: 'an unknown field under strict validation',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, dat: {} }),
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: unknown field "dat"/,
  },
  {
    it: 'a wrong type',
    method: 'POST',
    path: deployments,
    body: JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: { replicas: 'three' } }),
    code: 400,
    reason: 'BadRequest',
  },
  { it: 'a bad name', method: 'POST', path: configMaps, body: aConfigMap('No_Good'), code: 422, reason: 'Invalid', message: /RFC 1123/ },
  {
    it: 'a Deployment with nothing in it, all problems at once',
    method: 'POST',
    path: deployments,
    body: JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: { template: {} } }),
    code: 422,
    reason: 'Invalid',
    message: /spec\.selector.*spec\.template\.spec\.containers/s,
  },
  {
    it: 'a body over 3 MiB',
    method: 'POST',
    path: configMaps,
    body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'big' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } }),
    code: 413,
    reason: 'RequestEntityTooLarge',
  },
  {
    it: 'a content type nobody speaks',
    method: 'POST',
    path: configMaps,
    body: 'x',
    contentType: 'text/plain',
    code: 415,
    reason: 'UnsupportedMediaType',
  },
  { it: 'an unknown path', path: '/apis/nothing.example/v1/things', code: 404, reason: 'NotFound' },
  { it: 'an unknown resource', path: '/api/v1/namespaces/default/gadgets', code: 404, reason: 'NotFound' },
  {
    it: 'an object that does not exist',
    path: `${configMaps}/absent`,
    code: 404,
    reason: 'NotFound',
    message: /configmaps "absent" not found/,
  },
  {
    it: 'a verb that the resource does not have',
    method: 'PUT',
    path: configMaps,
    body: aConfigMap('a'),
    code: 405,
    reason: 'MethodNotAllowed',
  },
  { it: 'a label selector that cannot be parsed', path: `${configMaps}?labelSelector=a%3D%3D%3Db`, code: 400, reason: 'BadRequest' },
  {
    it: 'a kind that does not belong to the path',
    method: 'POST',
    path: configMaps,
    body: aConfigMap('a').replace('ConfigMap', 'Secret'),
    code: 400,
    reason: 'BadRequest',
  },
  {
    it: 'a namespace that does not exist',
    method: 'POST',
    path: '/api/v1/namespaces/absent/configmaps',
    body: aConfigMap('a'),
    code: 404,
    reason: 'NotFound',
  },
];

for (const { it, method = 'GET', path, body, contentType, code, reason, message } of cases) {
  test(`${it} answers ${code} ${reason}`, async () => {
    const answer = await api(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { contentType }),
    });
    assert.equal(answer.statusCode, code, JSON.stringify(answer.body));
    assert.equal(answer.body.kind, 'Status');
    assert.equal(answer.body.reason, reason);
    if (message) assert.match(answer.body.message, message);
  });
}

test('a stale resourceVersion is a conflict', async (t) => {
  const name = `stale-${process.pid}`;
  const created = await api('POST', configMaps, { body: aConfigMap(name) });
  t.after(() => api('DELETE', `${configMaps}/${name}`));
  assert.equal(created.statusCode, 201);
  const first = await api('PUT', `${configMaps}/${name}`, { body: JSON.stringify({ ...created.body, data: { a: '1' } }) });
  assert.equal(first.statusCode, 200);
  const second = await api('PUT', `${configMaps}/${name}`, { body: JSON.stringify({ ...created.body, data: { a: '2' } }) });
  assert.equal(second.statusCode, 409);
  assert.equal(second.body.reason, 'Conflict');
  assert.match(second.body.message, /the object has been modified; please apply your changes to the latest version and try again/);
});

test('without a certificate only health and version are open', async () => {
  assert.equal((await api('GET', '/livez', { anonymous: true })).statusCode, 200);
  assert.equal((await api('GET', '/version', { anonymous: true })).statusCode, 200);
  const refused = await api('GET', '/api/v1/pods', { anonymous: true });
  assert.equal(refused.statusCode, 403);
  assert.match(refused.body.message, /User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope/);
});
