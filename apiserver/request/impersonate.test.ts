/** Who a request is from that asks to be judged as another's, and what its sender must be allowed for that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessRequest } from '../authorization/rule-matching.ts';
import { type HeaderValues, impersonate, wantsImpersonation } from './impersonate.ts';
import type { User } from './user.ts';

const admin: User = { name: 'admin', groups: ['system:authenticated'] };

/** Lets everything pass and remembers what was asked. */
function anAuthorizer(isAllowed: (request: AccessRequest) => boolean = () => true) {
  const asked: string[] = [];
  return {
    asked,
    isReady: () => true,
    authorize: (_user: unknown, request: AccessRequest) => {
      assert.ok(request.isResource);
      const target = request.subresource === '' ? request.resource : `${request.resource}/${request.subresource}`;
      asked.push([request.verb, request.group, target, request.namespace, request.name].join(' '));
      return { allowed: isAllowed(request), reason: '' };
    },
  };
}

const cases: readonly { it: string; headers: HeaderValues; user: User; asked: readonly string[] }[] = [
  {
    it: 'a user is authenticated, whatever the groups',
    headers: { 'impersonate-user': ['jane'], 'impersonate-group': ['dev', 'ops'] },
    user: { name: 'jane', groups: ['dev', 'ops', 'system:authenticated'] },
    asked: ['impersonate  users  jane', 'impersonate  groups  dev', 'impersonate  groups  ops'],
  },
  {
    it: 'a service account has the groups that its name says',
    headers: { 'impersonate-user': ['system:serviceaccount:shop:web'] },
    user: {
      name: 'system:serviceaccount:shop:web',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
    },
    asked: ['impersonate  serviceaccounts shop web'],
  },
  {
    it: 'a name that only resembles a service account is a user',
    headers: { 'impersonate-user': ['system:serviceaccount:shop'] },
    user: { name: 'system:serviceaccount:shop', groups: ['system:authenticated'] },
    asked: ['impersonate  users  system:serviceaccount:shop'],
  },
  {
    it: 'nobody is not authenticated',
    headers: { 'impersonate-user': ['system:anonymous'] },
    user: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
    asked: ['impersonate  users  system:anonymous'],
  },
  {
    it: 'a uid and attributes are permissions of their own',
    headers: {
      'impersonate-user': ['jane'],
      'impersonate-uid': ['u1'],
      'impersonate-extra-example.com%2fscopes': ['view', 'edit'],
    },
    user: {
      name: 'jane',
      uid: 'u1',
      groups: ['system:authenticated'],
      extra: { 'example.com/scopes': ['view', 'edit'] },
    },
    asked: [
      'impersonate  users  jane',
      'impersonate authentication.k8s.io userextras/example.com/scopes  view',
      'impersonate authentication.k8s.io userextras/example.com/scopes  edit',
      'impersonate authentication.k8s.io uids  u1',
    ],
  },
];
for (const { it, headers, user, asked } of cases) {
  test(`impersonation: ${it}`, () => {
    const authorizer = anAuthorizer();
    assert.deepEqual(impersonate(admin, headers, authorizer), user);
    assert.deepEqual(authorizer.asked, asked);
  });
}

test('impersonation: one permission that is missing is enough to refuse', () => {
  const authorizer = anAuthorizer((request) => request.isResource && request.resource !== 'groups');
  const headers = { 'impersonate-user': ['jane'], 'impersonate-group': ['system:masters'] };
  const message =
    'groups "system:masters" is forbidden: User "admin" cannot impersonate resource "groups" in API group "" at the cluster scope';
  assert.throws(() => impersonate(admin, headers, authorizer), { reason: 'Forbidden', message });
});

for (const headers of [{ 'impersonate-group': ['dev'] }, { 'impersonate-uid': ['u1'] }, { 'impersonate-extra-scopes': ['x'] }]) {
  test(`impersonation: ${Object.keys(headers)} without a user is a mistake`, () => {
    assert.throws(() => impersonate(admin, headers, anAuthorizer()), { reason: 'BadRequest' });
  });
}

test('impersonation: is wanted by its headers alone', () => {
  assert.equal(wantsImpersonation({ accept: '*/*', 'impersonate-user': 'jane' }), true);
  assert.equal(wantsImpersonation({ accept: '*/*' }), false);
  assert.equal(impersonate(admin, { accept: ['*/*'] }, anAuthorizer()), admin);
});
