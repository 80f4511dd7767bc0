import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition, ValidatingAdmissionPolicy } from '#api/generated/types.ts';
import { metadataOf } from './testing/builders.ts';
import { type PolicySnapshot, reconcilePolicyStatus } from './validating-admission-policy.ts';

const rule = (apiGroup: string, resource: string) => ({
  apiGroups: [apiGroup],
  apiVersions: ['v1'],
  resources: [resource],
  operations: ['CREATE'],
});

function snapshotOf(spec: Partial<ValidatingAdmissionPolicy['spec']>, more: Partial<PolicySnapshot> = {}): PolicySnapshot {
  const matchConstraints = { resourceRules: [rule('apps', 'deployments')] };
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: metadataOf('guard', { generation: 3 }),
    spec: { matchConstraints, ...spec },
  };
  return { policy, definitions: [], ...more };
}

const schema = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } };
const definition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: metadataOf('things.example.com'),
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  },
};

function statusOf(snapshot: PolicySnapshot): ValidatingAdmissionPolicy['status'] {
  const [action, ...rest] = reconcilePolicyStatus(snapshot);
  assert.deepEqual(rest, []);
  assert.ok(action?.verb === 'updateStatus');
  const status: unknown = Reflect.get(action.object, 'status');
  assert.ok(typeof status === 'object' && status !== null);
  return status;
}

const cases: readonly { it: string; given: PolicySnapshot; warnings: readonly (readonly [string, string])[] }[] = [
  { it: 'finds nothing in a right one', given: snapshotOf({ validations: [{ expression: 'object.spec.replicas > 1' }] }), warnings: [] },
  {
    it: 'finds a comparison that makes no sense, and a field that is not there',
    given: snapshotOf({
      validations: [
        { expression: "object.spec.replicas > '1'" },
        { expression: 'object.spec.maxRetries < 10', messageExpression: 'object.metadata.nam' },
      ],
    }),
    warnings: [
      [
        'spec.validations[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
      ],
      [
        'spec.validations[1].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'maxRetries'\n | object.spec.maxRetries < 10\n | ...........^\n",
      ],
      [
        'spec.validations[1].messageExpression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:16: undefined field 'nam'\n | object.metadata.nam\n | ...............^\n",
      ],
    ],
  },
  {
    it: 'finds a sum of a text and a number',
    given: snapshotOf({ validations: [{ expression: 'true', messageExpression: "'got ' + object.spec.replicas" }] }),
    warnings: [
      [
        'spec.validations[0].messageExpression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:8: found no matching overload for '_+_' applied to '(string, int)'\n | 'got ' + object.spec.replicas\n | .......^\n",
      ],
    ],
  },
  {
    it: 'follows types through variables',
    given: snapshotOf({
      variables: [{ name: 'spec', expression: 'object.spec' }],
      validations: [{ expression: 'variables.spec.foo == 1' }],
    }),
    warnings: [
      [
        'spec.validations[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:15: undefined field 'foo'\n | variables.spec.foo == 1\n | ..............^\n",
      ],
    ],
  },
  {
    it: 'knows custom resources and parameters',
    given: snapshotOf(
      {
        matchConstraints: { resourceRules: [rule('example.com', 'things')] },
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [
          { expression: "object.spec.size > 1 && object.metadata.labels['a'] == params.data['a']" },
          { expression: 'object.spec.sise > 1' },
          { expression: 'params.foo' },
        ],
      },
      { definitions: [definition] },
    ),
    warnings: [
      [
        'spec.validations[1].expression',
        "example.com/v1, Kind=Thing: ERROR: <input>:1:12: undefined field 'sise'\n | object.spec.sise > 1\n | ...........^\n",
      ],
      [
        'spec.validations[2].expression',
        "example.com/v1, Kind=Thing: ERROR: <input>:1:7: undefined field 'foo'\n | params.foo\n | ......^\n",
      ],
    ],
  },
  {
    it: 'says nothing of kinds that it does not know',
    given: snapshotOf({
      matchConstraints: { resourceRules: [rule('*', '*'), rule('other.example.com', 'things')] },
      validations: [{ expression: 'object.foo == 1' }],
    }),
    warnings: [],
  },
];
for (const { it, given, warnings } of cases) {
  test(`the check of a policy ${it}`, () => {
    const status = statusOf(given);
    assert.equal(status?.observedGeneration, 3);
    assert.deepEqual(
      (status?.typeChecking?.expressionWarnings ?? []).map(({ fieldRef, warning }) => [fieldRef, warning]),
      warnings,
    );
  });
}

test('a status that says so already is left alone', () => {
  const given = snapshotOf({ validations: [{ expression: 'object.foo' }] });
  const status = statusOf(given);
  assert.deepEqual(reconcilePolicyStatus({ ...given, policy: { ...given.policy, ...(status === undefined ? {} : { status }) } }), []);
});
