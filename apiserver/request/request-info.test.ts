import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { parseRequestInfo, type ResourceRequestInfo } from './request-info.ts';

const cases: readonly { method: string; url: string; expected: Partial<ResourceRequestInfo> }[] = [
  { method: 'GET', url: '/api/v1/pods', expected: { verb: 'list', group: '', version: 'v1', resource: 'pods', namespace: '', name: '' } },
  { method: 'GET', url: '/api/v1/pods?watch=true', expected: { verb: 'watch', resource: 'pods' } },
  { method: 'GET', url: '/api/v1/watch/pods', expected: { verb: 'watch', resource: 'pods' } },
  { method: 'GET', url: '/api/v1/namespaces/a/pods/b', expected: { verb: 'get', namespace: 'a', resource: 'pods', name: 'b' } },
  { method: 'GET', url: '/api/v1/namespaces/a/pods/b/log', expected: { verb: 'get', name: 'b', subresource: 'log' } },
  { method: 'POST', url: '/apis/apps/v1/namespaces/a/deployments', expected: { verb: 'create', group: 'apps', resource: 'deployments' } },
  {
    method: 'PUT',
    url: '/api/v1/namespaces/a/finalize',
    expected: { verb: 'update', namespace: 'a', resource: 'namespaces', name: 'a', subresource: 'finalize' },
  },
  { method: 'GET', url: '/api/v1/namespaces', expected: { verb: 'list', namespace: '', resource: 'namespaces', name: '' } },
  { method: 'DELETE', url: '/api/v1/nodes', expected: { verb: 'deletecollection', resource: 'nodes' } },
  {
    method: 'PATCH',
    url: '/api/v1/nodes/n/status',
    expected: { verb: 'patch', resource: 'nodes', name: 'n', subresource: 'status', namespace: '' },
  },
  { method: 'GET', url: '/api/v1/pods?fieldSelector=metadata.name%3Dweb', expected: { verb: 'list', name: 'web' } },
  { method: 'GET', url: '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', expected: { verb: 'get', name: 'system:node' } },
  { method: 'GET', url: '/api/v1/namespaces/a/services/s/proxy/x/y', expected: { subresource: 'proxy', rest: ['x', 'y'] } },
];

for (const { method, url, expected } of cases) {
  test(`${method} ${url} is understood`, () => {
    const [path = '', query = ''] = url.split('?');
    const info = parseRequestInfo(method, path, new URLSearchParams(query));
    assert.partialDeepStrictEqual(info, { isResource: true, ...expected });
  });
}

for (const path of ['/', '/version', '/api', '/api/v1', '/apis', '/apis/apps', '/apis/apps/v1', '/healthz']) {
  test(`${path} is no resource`, () =>
    assert.deepEqual(parseRequestInfo('GET', path, new URLSearchParams()), { isResource: false, verb: 'get', path }));
}

test('a path that is not valid percent-encoding is refused', () => {
  assert.throws(
    () => parseRequestInfo('GET', '/api/v1/%zz', new URLSearchParams()),
    (error) => isReason(error, 'BadRequest'),
  );
});
