/** Nobody grants what they do not hold, unless they may escalate or bind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '#api/generated/types.ts';
import { findBindingEscalation, findRoleEscalation } from './escalation.ts';
import { aClusterRole, aClusterRoleBinding, aPolicy, aRole, aRoleBinding, aRule } from './testing/rbac-objects.ts';

const user = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const rbacRule = (verb: string, resource: string) =>
  aRule({ apiGroups: ['rbac.authorization.k8s.io'], resources: [resource], verbs: [verb] });

/** Jane holds these rules everywhere; there is a role `deleter` to bind. */
function policyWith(...rules: readonly PolicyRule[]) {
  return aPolicy({
    clusterRoles: [aClusterRole('held', rules), aClusterRole('deleter', [aRule({ verbs: ['delete'] })])],
    clusterRoleBindings: [aClusterRoleBinding('b', 'held', { kind: 'User', name: 'jane' })],
  });
}

const REFUSAL =
  'is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
  '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}';

test('a role with rules its author holds may be written', () => {
  assert.equal(findRoleEscalation({ policy: policyWith(aRule()), user, object: aRole('r', [aRule()]) }), undefined);
});

test('a role with more than its author holds is refused in upstream’s words', () => {
  const problem = findRoleEscalation({ policy: policyWith(aRule()), user, object: aRole('r', [aRule({ verbs: ['get', 'delete'] })]) });
  assert.equal(problem?.reason, 'Forbidden');
  assert.equal(problem?.message, `roles.rbac.authorization.k8s.io "r" ${REFUSAL}`);
});

test('a role may be written by who may escalate', () => {
  const object = aRole('r', [aRule({ verbs: ['delete'] })]);
  assert.equal(findRoleEscalation({ policy: policyWith(rbacRule('escalate', 'roles')), user, object }), undefined);
});

test('a role whose rules stay as they are may be relabelled by anybody', () => {
  const object = aRole('r', [aRule({ verbs: ['delete'] })]);
  assert.equal(findRoleEscalation({ policy: policyWith(), user, object, previous: object }), undefined);
});

test('an aggregation rule is for who holds everything', () => {
  const object = { ...aClusterRole('r', []), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  assert.match(findRoleEscalation({ policy: policyWith(aRule()), user, object })?.message ?? '', /must have cluster-admin privileges/);
  const all = [aRule({ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }), { nonResourceURLs: ['*'], verbs: ['*'] }];
  assert.equal(findRoleEscalation({ policy: policyWith(...all), user, object }), undefined);
});

test('a binding to a role that allows more than its author holds is refused', () => {
  const object = aRoleBinding('b', 'deleter', 'joe', 'ClusterRole');
  assert.equal(
    findBindingEscalation({ policy: policyWith(aRule()), user, object })?.message,
    `rolebindings.rbac.authorization.k8s.io "b" ${REFUSAL}`,
  );
  assert.equal(findBindingEscalation({ policy: policyWith(rbacRule('bind', 'clusterroles')), user, object }), undefined);
  assert.equal(findBindingEscalation({ policy: policyWith(aRule({ verbs: ['delete'] })), user, object }), undefined);
});

test('a binding to a role that is not there is refused as not found', () => {
  const problem = findBindingEscalation({ policy: policyWith(), user, object: aRoleBinding('b', 'gone', 'joe') });
  assert.equal(problem?.reason, 'NotFound');
});

test('a binding that only changes its labels may be written by anybody', () => {
  const object = aRoleBinding('b', 'deleter', 'joe', 'ClusterRole');
  assert.equal(findBindingEscalation({ policy: policyWith(), user, object, previous: object }), undefined);
});
