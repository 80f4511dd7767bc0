import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceAccount } from '#api/generated/types.ts';
import { reconcileServiceAccount, type ServiceAccountSnapshot } from './service-account.ts';
import { aNamespace, describeActions, metadataOf, secondsAgo } from './testing/builders.ts';

const account: ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadataOf('default', { namespace: 'shop' }) };

const cases: readonly { it: string; given: ServiceAccountSnapshot; actions: readonly string[] }[] = [
  {
    it: 'makes the account of a new namespace',
    given: { namespace: aNamespace('shop'), account: undefined },
    actions: ['create serviceaccounts'],
  },
  { it: 'leaves an account that is there', given: { namespace: aNamespace('shop'), account }, actions: [] },
  {
    it: 'makes none in a namespace that is being emptied',
    given: { namespace: aNamespace('shop', { deletionTimestamp: secondsAgo(1) }), account: undefined },
    actions: [],
  },
];
for (const { it, given, actions } of cases) {
  test(`the service account controller ${it}`, () => assert.deepEqual(describeActions(reconcileServiceAccount(given)), actions));
}

test('the account is called default, in the namespace that lacks it', () => {
  const [action] = reconcileServiceAccount({ namespace: aNamespace('shop'), account: undefined });
  assert.deepEqual(action?.verb === 'create' && action.object.metadata, { name: 'default', namespace: 'shop' });
});
