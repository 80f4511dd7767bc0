/** Who may do what, through which binding, and what is said when a role is gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aClusterRole, aClusterRoleBinding, aMeta, aPolicy, aRequest, aRole, aRoleBinding, aRule } from './testing/rbac-objects.ts';

const jane = { name: 'jane', groups: ['dev', 'system:authenticated'] };

test('a RoleBinding grants in its namespace and nowhere else', () => {
  const policy = aPolicy({ roles: [aRole('reader', [aRule()])], roleBindings: [aRoleBinding('b', 'reader', 'jane')] });
  assert.deepEqual(policy.authorize(jane, aRequest()), {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "b/default" of Role "reader" to User "jane"',
  });
  assert.deepEqual(policy.authorize(jane, aRequest({ namespace: 'other' })), { allowed: false, reason: '' });
  assert.equal(policy.authorize(jane, aRequest({ namespace: '' })).allowed, false);
});

test('a RoleBinding to a ClusterRole grants in the binding’s namespace only', () => {
  const policy = aPolicy({
    clusterRoles: [aClusterRole('reader', [aRule()])],
    roleBindings: [aRoleBinding('b', 'reader', 'jane', 'ClusterRole')],
  });
  assert.equal(policy.authorize(jane, aRequest()).allowed, true);
  assert.equal(policy.authorize(jane, aRequest({ namespace: 'other' })).allowed, false);
});

test('a ClusterRoleBinding grants to a group everywhere, and paths', () => {
  const policy = aPolicy({
    clusterRoles: [aClusterRole('reader', [aRule(), { nonResourceURLs: ['/metrics'], verbs: ['get'] }])],
    clusterRoleBindings: [aClusterRoleBinding('all', 'reader', { kind: 'Group', name: 'dev' })],
  });
  assert.deepEqual(policy.authorize(jane, aRequest({ namespace: '' })), {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "dev"',
  });
  assert.equal(policy.authorize(jane, { isResource: false, verb: 'get', path: '/metrics' }).allowed, true);
  assert.equal(policy.authorize({ name: 'dev', groups: [] }, aRequest()).allowed, false);
});

test('a service account is known by its namespace and name; the binding’s namespace is the default', () => {
  const binding = { ...aRoleBinding('b', 'reader', ''), subjects: [{ kind: 'ServiceAccount', name: 'robot' }] };
  const policy = aPolicy({ roles: [aRole('reader', [aRule()])], roleBindings: [binding] });
  const robot = (namespace: string) => ({ name: `system:serviceaccount:${namespace}:robot`, groups: [] });
  assert.equal(policy.authorize(robot('default'), aRequest()).allowed, true);
  assert.equal(policy.authorize(robot('other'), aRequest()).allowed, false);
});

test('a binding to a role that is gone refuses with that reason', () => {
  const policy = aPolicy({ clusterRoleBindings: [aClusterRoleBinding('b', 'gone', { kind: 'User', name: 'jane' })] });
  assert.deepEqual(policy.authorize(jane, aRequest()), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  });
});

test('an aggregated role has the rules of the roles labelled for it, at any depth', () => {
  const aggregate = (name: string, label: string, labels = {}) => ({
    ...aClusterRole(name, [], labels),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
  });
  const policy = aPolicy({
    clusterRoles: [
      aggregate('admin', 'to-admin'),
      aggregate('view', 'to-view', { 'to-admin': 'true' }),
      aClusterRole('certs', [aRule()], { 'to-view': 'true' }),
    ],
    clusterRoleBindings: [aClusterRoleBinding('b', 'admin', { kind: 'User', name: 'jane' })],
  });
  assert.equal(policy.authorize(jane, aRequest()).allowed, true);
});

test('roles that aggregate each other are resolved', () => {
  const circular = {
    ...aClusterRole('a', [aRule()], { x: 'y' }),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { x: 'y' } }] },
  };
  const policy = aPolicy({
    clusterRoles: [circular, { ...circular, metadata: aMeta({ name: 'b', labels: { x: 'y' } }) }],
    clusterRoleBindings: [aClusterRoleBinding('b', 'a', { kind: 'User', name: 'jane' })],
  });
  assert.equal(policy.authorize(jane, aRequest()).allowed, true);
});

test('system:masters may do everything, whatever the policy says', () => {
  assert.equal(aPolicy({}).authorize({ name: 'root', groups: ['system:masters'] }, aRequest({ verb: 'delete' })).allowed, true);
});
