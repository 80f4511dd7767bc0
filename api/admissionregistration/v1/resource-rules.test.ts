import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RuledRequest, ruleMatches } from './resource-rules.ts';

const aRule = (change: object = {}) => ({ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], ...change });
const aRequest = (change: Partial<RuledRequest> = {}): RuledRequest => ({
  operation: 'CREATE',
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  subresource: '',
  namespace: 'default',
  ...change,
});

const cases: readonly { it: string; rule: object; request?: Partial<RuledRequest>; matches: boolean }[] = [
  { it: 'that names everything matches', rule: {}, matches: true },
  {
    it: 'that names exactly this matches',
    rule: { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] },
    matches: true,
  },
  { it: 'for another operation does not', rule: { operations: ['UPDATE', 'DELETE'] }, matches: false },
  { it: 'for another group does not', rule: { apiGroups: [''] }, matches: false },
  { it: 'for another version does not', rule: { apiVersions: ['v2'] }, matches: false },
  { it: 'for another resource does not', rule: { resources: ['pods', 'deployments/scale'] }, matches: false },
  { it: 'for all resources means no subresource', rule: { resources: ['*'] }, request: { subresource: 'status' }, matches: false },
  { it: 'for a resource and all below it means the resource too', rule: { resources: ['deployments/*'] }, matches: true },
  { it: 'for a resource and all below it', rule: { resources: ['deployments/*'] }, request: { subresource: 'scale' }, matches: true },
  { it: 'for one subresource of everything', rule: { resources: ['*/scale'] }, request: { subresource: 'scale' }, matches: true },
  { it: 'for one subresource of everything is not for the resource', rule: { resources: ['*/scale'] }, matches: false },
  { it: 'for everything whatever', rule: { resources: ['*/*'] }, request: { subresource: 'status' }, matches: true },
  { it: 'for what is in namespaces matches what is in one', rule: { scope: 'Namespaced' }, matches: true },
  {
    it: 'for what is in namespaces does not match what is in none',
    rule: { scope: 'Namespaced' },
    request: { namespace: '' },
    matches: false,
  },
  { it: 'for what is cluster-wide matches what is in no namespace', rule: { scope: 'Cluster' }, request: { namespace: '' }, matches: true },
  { it: 'for what is cluster-wide does not match what is in a namespace', rule: { scope: 'Cluster' }, matches: false },
  {
    it: 'for what is cluster-wide matches a namespace, though it counts as its own',
    rule: { scope: 'Cluster' },
    request: { group: '', resource: 'namespaces', namespace: 'a' },
    matches: true,
  },
  {
    it: 'for what is in namespaces does not match a namespace',
    rule: { scope: 'Namespaced' },
    request: { group: '', resource: 'namespaces', namespace: 'a' },
    matches: false,
  },
  { it: 'of an unknown scope matches nothing', rule: { scope: 'Some' }, matches: false },
  { it: 'that is empty matches nothing', rule: { operations: [], resources: [] }, matches: false },
];
for (const { it, rule, request, matches } of cases) {
  test(`a rule ${it}`, () => assert.equal(ruleMatches(aRule(rule), aRequest(request)), matches));
}
