import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDeploymentDefaults, rollingUpdateBounds, validateDeployment, validateDeploymentUpdate } from './apps/v1/deployment.ts';
import { validateConfigMap, validateConfigMapUpdate } from './core/v1/config-map.ts';
import { applyNamespaceDefaults } from './core/v1/namespace.ts';
import { nodeRoles, validateNode, validateNodeUpdate } from './core/v1/node.ts';
import { applySecretDefaults, validateSecret } from './core/v1/secret.ts';
import { findUntolerated } from './core/v1/taint.ts';
import { decodeObject } from './decode.ts';
import { validateEndpointSlice } from './discovery/v1/endpoint-slice.ts';
import {
  clusterrolebindings,
  clusterroles,
  configmaps,
  deployments,
  endpointslices,
  namespaces,
  nodes,
  priorityclasses,
  roles,
  secrets,
} from './generated/resources.ts';
import type { FieldProblem } from './meta/status.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './meta/validation.ts';
import { validateClusterRole, validateRole } from './rbac/v1/role.ts';
import { applyBindingDefaults, validateBindingUpdate, validateClusterRoleBinding } from './rbac/v1/role-binding.ts';
import { applyPriorityClassDefaults, validatePriorityClass } from './scheduling/v1/priority-class.ts';

const texts = (problems: readonly FieldProblem[]) => problems.map(({ field, message }) => `${field}: ${message}`);
const namespaced = { name: 'a', namespace: 'default' };

const aDeployment = (spec: object = {}) =>
  applyDeploymentDefaults(
    decodeObject(deployments, {
      metadata: namespaced,
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'a' }] } },
        ...spec,
      },
    }).object,
  );

test('a Deployment gets the defaults that kubectl shows', () => {
  const { spec } = aDeployment();
  assert.equal(spec.replicas, 1);
  assert.equal(spec.revisionHistoryLimit, 10);
  assert.equal(spec.progressDeadlineSeconds, 600);
  assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } });
  assert.equal(spec.template.spec?.enableServiceLinks, undefined);
  assert.deepEqual(validateDeployment(aDeployment()), []);
});

const deploymentRules: readonly { it: string; spec: object; problems: readonly string[] }[] = [
  {
    it: 'has no fewer than no replicas',
    spec: { replicas: -1 },
    problems: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  },
  { it: 'needs a selector', spec: { selector: {} }, problems: ['spec.selector: Required value'] },
  {
    it: 'selects what it makes',
    spec: { selector: { matchLabels: { app: 'api' } } },
    problems: ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  },
  {
    it: 'must be able to move',
    spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
    problems: ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
  },
  {
    it: 'waits longer than pods need',
    spec: { minReadySeconds: 600 },
    problems: ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  },
];
for (const { it, spec, problems } of deploymentRules) {
  test(`a Deployment ${it}`, () => assert.deepEqual(texts(validateDeployment(aDeployment(spec))), problems));
}

test("a Deployment's selector cannot change", () => {
  const [problem] = validateDeploymentUpdate(aDeployment({ selector: { matchLabels: { app: 'x' } } }), aDeployment());
  assert.equal(problem?.message, 'Invalid value: {"matchLabels":{"app":"x"}}: field is immutable');
});

const bounds = [
  [1, '25%', '25%', { maxSurge: 1, maxUnavailable: 0 }],
  [4, '25%', '25%', { maxSurge: 1, maxUnavailable: 1 }],
  [10, '25%', '25%', { maxSurge: 3, maxUnavailable: 2 }],
  [3, 0, '10%', { maxSurge: 0, maxUnavailable: 1 }],
  [2, 1, 5, { maxSurge: 1, maxUnavailable: 2 }],
] as const;
for (const [replicas, maxSurge, maxUnavailable, expected] of bounds) {
  test(`${replicas} replicas with surge ${maxSurge} and unavailable ${maxUnavailable} roll within bounds`, () =>
    assert.deepEqual(rollingUpdateBounds(aDeployment({ replicas, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } })), expected));
}

test('a Secret stores what was written as text, encoded', () => {
  const secret = applySecretDefaults(decodeObject(secrets, { metadata: namespaced, data: { a: 'eA==' }, stringData: { b: 'hi' } }).object);
  assert.deepEqual(secret, { metadata: namespaced, type: 'Opaque', data: { a: 'eA==', b: 'aGk=' } });
  const tls = decodeObject(secrets, { metadata: namespaced, type: 'kubernetes.io/tls', data: {} }).object;
  assert.deepEqual(texts(validateSecret(tls)), ['data[tls.crt]: Required value', 'data[tls.key]: Required value']);
});

test('a ConfigMap has keys that can be files, and an immutable one stays', () => {
  const aConfigMap = (fields: object) => decodeObject(configmaps, { metadata: namespaced, ...fields }).object;
  assert.match(
    texts(validateConfigMap(aConfigMap({ data: { 'a/b': '' } })))[0] ?? '',
    /^data\[a\/b\]: Invalid value: "a\/b": a valid config key must/,
  );
  assert.equal(
    validateConfigMap(aConfigMap({ data: { a: 'x'.repeat(2 ** 20) } }))[0]?.message,
    'Too long: may not be more than 1048576 bytes',
  );
  const fixed = aConfigMap({ immutable: true, data: { a: '1' } });
  assert.deepEqual(texts(validateConfigMapUpdate(aConfigMap({ immutable: true, data: { a: '2' } }), fixed)), [
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
});

test('a namespace carries its name as a label', () => {
  const namespace = applyNamespaceDefaults(decodeObject(namespaces, { metadata: { name: 'shop' } }).object);
  assert.deepEqual(namespace.metadata.labels, { 'kubernetes.io/metadata.name': 'shop' });
  assert.equal(namespace.status?.phase, 'Active');
});

test('a node has its roles from labels, its taints once, its pod range for life', () => {
  const aNode = (spec: object, labels = {}) => decodeObject(nodes, { metadata: { name: 'n', labels }, spec }).object;
  assert.deepEqual(nodeRoles(aNode({}, { 'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/role': 'db' })), [
    'control-plane',
    'db',
  ]);
  const taint = { key: 'a', effect: 'NoSchedule' };
  assert.equal(validateNode(aNode({ taints: [taint, taint] }))[0]?.type, 'FieldValueDuplicate');
  const ranged = aNode({ podCIDRs: ['10.244.1.0/24'] });
  assert.equal(validateNodeUpdate(aNode({ podCIDRs: ['10.244.2.0/24'] }), ranged)[0]?.field, 'spec.podCIDRs');
  assert.deepEqual(validateNodeUpdate(ranged, aNode({})), []);
});

test('a taint is tolerated by key, by value, or by everything', () => {
  const taints = [{ key: 'a', value: '1', effect: 'NoSchedule' }];
  const untolerated = (toleration: object) => findUntolerated(taints, [toleration], ['NoSchedule', 'NoExecute']) !== undefined;
  assert.equal(untolerated({ key: 'a', operator: 'Exists' }), false);
  assert.equal(untolerated({ operator: 'Exists' }), false);
  assert.equal(untolerated({ key: 'a', value: '1' }), false);
  assert.equal(untolerated({ key: 'a', value: '2' }), true);
  assert.equal(untolerated({ key: 'a', operator: 'Exists', effect: 'NoExecute' }), true);
  assert.equal(findUntolerated(taints, [], ['NoExecute']), undefined);
});

test('rules of roles say what they apply to', () => {
  const aRole = (rule: object) => decodeObject(roles, { metadata: namespaced, rules: [rule] }).object;
  assert.deepEqual(texts(validateRole(aRole({ verbs: [], apiGroups: [''], resources: ['pods'] }))), [
    'rules[0].verbs: Required value: verbs must contain at least one value',
  ]);
  assert.deepEqual(texts(validateRole(aRole({ verbs: ['get'], nonResourceURLs: ['/x'] }))), [
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
  ]);
  const clusterRole = decodeObject(clusterroles, {
    metadata: { name: 'system:a' },
    rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
  }).object;
  assert.deepEqual(validateClusterRole(clusterRole), []);
});

test('a binding keeps its role, and its subjects get their group', () => {
  const aBinding = (name: string) =>
    applyBindingDefaults(
      decodeObject(clusterrolebindings, {
        metadata: { name: 'b' },
        roleRef: { kind: 'ClusterRole', name },
        subjects: [
          { kind: 'User', name: 'u' },
          { kind: 'ServiceAccount', name: 's', namespace: 'default' },
        ],
      }).object,
    );
  assert.deepEqual(validateClusterRoleBinding(aBinding('view')), []);
  assert.equal(aBinding('view').subjects?.[0]?.apiGroup, 'rbac.authorization.k8s.io');
  assert.match(validateBindingUpdate(aBinding('edit'), aBinding('view'))[0]?.message ?? '', /cannot change roleRef$/);
});

test('an EndpointSlice has addresses of its family', () => {
  const aSlice = (addresses: string[]) =>
    decodeObject(endpointslices, { metadata: namespaced, addressType: 'IPv4', endpoints: [{ addresses }] }).object;
  assert.deepEqual(validateEndpointSlice(aSlice(['10.244.1.5'])), []);
  assert.deepEqual(texts(validateEndpointSlice(aSlice(['::2']))), [
    'endpoints[0].addresses[0]: Invalid value: "::2": must be a valid IPv4 address',
  ]);
  assert.match(texts(validateEndpointSlice(aSlice(['127.0.0.1'])))[0] ?? '', /may not be in the loopback range/);
  assert.equal(validateEndpointSlice(aSlice([]))[0]?.type, 'FieldValueRequired');
});

test('system priorities are reserved', () => {
  const aClass = (name: string, value: number) =>
    applyPriorityClassDefaults(decodeObject(priorityclasses, { metadata: { name }, value }).object);
  assert.deepEqual(validatePriorityClass(aClass('system-node-critical', 2_000_001_000)), []);
  assert.equal(validatePriorityClass(aClass('system-mine', 1))[0]?.field, 'metadata.name');
  assert.equal(validatePriorityClass(aClass('mine', 1_000_000_001))[0]?.field, 'value');
});

test("finalizers of Kubernetes' own kinds say whose they are, those of custom resources need not", () => {
  const rules = { isNamespaced: true, nameRule: () => [] };
  const finalizers = ['foregroundDeletion', 'a.example/b', 'bare'];
  const metadata = { name: 'a', namespace: 'b', uid: '1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', finalizers };
  assert.deepEqual(texts(validateObjectMeta(metadata, rules)), [
    'metadata.finalizers[2]: Invalid value: "bare": name is neither a standard finalizer name nor is it fully qualified',
  ]);
  assert.deepEqual(texts(validateObjectMeta(metadata, { ...rules, takesAnyFinalizer: true })), []);
});

test('metadata keeps its identity, and an object being deleted gets no new finalizers', () => {
  const previous = {
    name: 'a',
    uid: '1',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  assert.deepEqual(texts(validateObjectMetaUpdate({ ...previous, uid: '2', finalizers: ['a/b'] }, previous)), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
    'metadata.uid: Invalid value: "2": field is immutable',
  ]);
});
