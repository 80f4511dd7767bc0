import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterroles } from '#api/generated/resources.ts';
import type { ClusterRole, PolicyRule } from '#api/generated/types.ts';
import { createCluster } from '../in-process/create-cluster.ts';
import { reconcileAggregation } from './cluster-role-aggregation.ts';
import { describeActions, metadataOf } from './testing/builders.ts';

const may = (resource: string): PolicyRule => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });

function aRole(name: string, rules: readonly PolicyRule[], labels = {}): ClusterRole {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: metadataOf(name, { labels }), rules };
}

const toView = { 'example.com/aggregate-to-view': 'true' };
const whole = (rules: readonly PolicyRule[]): ClusterRole => ({
  ...aRole('view-all', rules, toView),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: toView }] },
});
const parts = [aRole('b', [may('secrets'), may('pods')], toView), aRole('a', [may('pods')], toView), aRole('c', [may('nodes')])];
const rules = [may('pods'), may('secrets')];

const cases = [
  {
    it: 'gives a role the rules of its parts, by their names',
    role: whole([]),
    actions: ['update clusterroles view-all'],
    expected: rules,
  },
  { it: 'leaves a role that has them', role: whole(rules), actions: [], expected: undefined },
  { it: 'takes what somebody added', role: whole([...rules, may('nodes')]), actions: ['update clusterroles view-all'], expected: rules },
  { it: 'leaves roles that are made of nothing', role: aRole('plain', [may('pods')]), actions: [], expected: undefined },
];
for (const { it, role, actions, expected } of cases) {
  test(`aggregation ${it}`, () => {
    const planned = reconcileAggregation({ role, roles: [...parts, role] });
    assert.deepEqual(describeActions(planned), actions);
    const [action] = planned;
    assert.deepEqual(action?.verb === 'update' && 'rules' in action.object ? action.object.rules : undefined, expected);
  });
}

test('a role that is labelled for it becomes part of what users may view', async () => {
  await using cluster = await createCluster();
  const roles = cluster.client.resource(clusterroles);
  const rule: PolicyRule = { apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get'] };
  const { metadata: _metadata, ...role } = aRole('widgets', [rule]);
  await roles.create({ ...role, metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } } });
  const hasRule = async (name: string) => {
    const found = (await roles.get({ namespace: '', name })).rules ?? [];
    return found.some(({ apiGroups = [] }) => apiGroups.includes('example.com'));
  };
  for (const name of ['view', 'edit', 'admin']) await cluster.clock.advanceUntil(() => hasRule(name), { virtualMsMax: 10_000 });
});
