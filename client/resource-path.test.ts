import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, nodes, pods } from '#api/generated/resources.ts';
import { collectionPath, objectPath, queryString } from './resource-path.ts';

const cases = [
  { it: 'the core group lies under /api', path: collectionPath(pods, 'shop'), expected: '/api/v1/namespaces/shop/pods' },
  { it: 'other groups lie under /apis', path: collectionPath(deployments, 'shop'), expected: '/apis/apps/v1/namespaces/shop/deployments' },
  { it: 'without a namespace a collection is that of all', path: collectionPath(pods), expected: '/api/v1/pods' },
  {
    it: 'a cluster-wide resource has no namespace',
    path: objectPath(nodes, { namespace: '', name: 'worker-1' }),
    expected: '/api/v1/nodes/worker-1',
  },
  {
    it: 'a subresource follows the name, which is escaped',
    path: objectPath(pods, { namespace: 'shop', name: 'a/b' }, 'binding'),
    expected: '/api/v1/namespaces/shop/pods/a%2Fb/binding',
  },
  {
    it: 'a query leaves out what is undefined or empty',
    path: queryString({ limit: 5, continue: '', watch: undefined }),
    expected: '?limit=5',
  },
];
for (const { it, path, expected } of cases) test(it, () => assert.equal(path, expected));

test('an object of a namespaced resource needs a namespace, and any object a name', () => {
  assert.throws(() => objectPath(pods, { namespace: '', name: 'web' }), /an empty namespace/);
  assert.throws(() => objectPath(nodes, { namespace: '', name: '' }), /resource name may not be empty/);
});
