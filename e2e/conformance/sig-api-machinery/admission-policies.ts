/** Admission policies in CEL: validating and mutating ones at work on Deployments, and all four kinds as resources. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually, expectRefusal } from '../framework/expect.ts';
import { aTemplate } from '../framework/pods.ts';

const GROUP_VERSION = 'admissionregistration.k8s.io/v1';
/** Of a policy's binding; a Deployment of this name is refused or changed as soon as the policy is at work. */
const MARKER = 'marker-deployment';

const aRule = (operations: readonly string[]): Json => ({
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  operations,
  resources: ['deployments'],
});

const aDeployment = (name: string, replicas: number): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: aTemplate({ app: name }) },
});

interface Bound {
  readonly kind: 'ValidatingAdmissionPolicy' | 'MutatingAdmissionPolicy';
  /** Of the policy, but for what it matches. */
  readonly spec: Json;
  readonly operations?: readonly string[];
}

/** Makes the policy, bound to the test's namespace alone. */
async function bindPolicy(t: TestScope, { kind, spec, operations = ['CREATE', 'UPDATE'] }: Bound): Promise<void> {
  const plural = `${kind.toLowerCase().replace(/policy$/, 'policies')}`;
  const policies = t.resource(`${GROUP_VERSION}/${plural}`, '');
  const bindings = t.resource(`${GROUP_VERSION}/${kind.toLowerCase()}bindings`, '');
  const name = `policy-${t.suffix}.example.com`;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': t.namespace } };
  const matchConstraints = { namespaceSelector, resourceRules: [aRule(operations)] };
  await policies.create({ apiVersion: GROUP_VERSION, kind, metadata: { name }, spec: { matchConstraints, ...spec } });
  t.cleanUp(() => policies.delete(name));
  const actions = kind === 'ValidatingAdmissionPolicy' ? { validationActions: ['Deny'] } : {};
  const binding = { policyName: name, matchResources: { namespaceSelector }, ...actions };
  await bindings.create({ apiVersion: GROUP_VERSION, kind: `${kind}Binding`, metadata: { name }, spec: binding });
  t.cleanUp(() => bindings.delete(name));
}

const isMarker = `object.metadata.name == '${MARKER}'`;

/** A policy is at work a moment after it was bound, and nothing tells when: the marker is asked about until it is refused. */
async function untilRefused(t: TestScope): Promise<void> {
  const marker = aDeployment(MARKER, 2);
  await eventually('the policy refuses the marker', async () => {
    await expectRefusal(t.resource('apps/v1/deployments').create(marker, { dryRun: 'All' }), { message: 'the marker is refused' });
    return true;
  });
}

const refusedMarker: Json = { expression: `!(${isMarker})`, message: 'the marker is refused' };

async function validatesDeployment(t: TestScope): Promise<void> {
  const validations = [
    refusedMarker,
    {
      expression: 'object.spec.replicas > 1',
      messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
    },
    { expression: `namespaceObject.metadata.name == '${t.namespace}'`, message: 'another namespace should not be asked about' },
  ];
  await bindPolicy(t, { kind: 'ValidatingAdmissionPolicy', spec: { validations } });
  await untilRefused(t);
  const deployments = t.resource('apps/v1/deployments');
  await deployments.create(aDeployment('replicated', 2));
  await expectRefusal(deployments.create(aDeployment('non-replicated', 1)), { reason: 'Invalid', message: 'wants replicas > 1, got 1' });
}

async function refersToVariables(t: TestScope): Promise<void> {
  const spec = {
    variables: [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
    ],
    validations: [
      refusedMarker,
      { expression: 'variables.replicas > 1' },
      { expression: 'variables.oddReplicas', message: 'wants an odd number of replicas' },
    ],
  };
  await bindPolicy(t, { kind: 'ValidatingAdmissionPolicy', spec });
  await untilRefused(t);
  const deployments = t.resource('apps/v1/deployments');
  await deployments.create(aDeployment('replicated', 3));
  await expectRefusal(deployments.create(aDeployment('non-replicated', 1)), {
    reason: 'Invalid',
    message: 'failed expression: variables.replicas > 1',
  });
  await expectRefusal(deployments.create(aDeployment('even', 2)), { reason: 'Invalid', message: 'wants an odd number of replicas' });
}

const annotating = (annotation: string): Json => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression: `Object{ metadata: Object.metadata{ annotations: { ${annotation} } } }` },
});

/** Asks until the policy is at work, then creates the Deployment; gives it. */
async function createMutated(t: TestScope, mutations: readonly Json[], isMutated: (deployment: Json) => boolean): Promise<Json> {
  await bindPolicy(t, { kind: 'MutatingAdmissionPolicy', spec: { mutations, reinvocationPolicy: 'Never' } });
  const deployments = t.resource('apps/v1/deployments');
  await eventually('the policy changes the marker', async () =>
    isMutated(await deployments.create(aDeployment(MARKER, 2), { dryRun: 'All' })),
  );
  return deployments.create(aDeployment('test-deployment', 2));
}

async function mutatesDeployment(t: TestScope): Promise<void> {
  const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{ spec: Object.spec{ replicas: 3 } }' } }];
  const deployment = await createMutated(t, mutations, ({ spec }) => spec.replicas === 3);
  assert.equal(deployment.spec.replicas, 3);
}

async function annotatesDeployment(t: TestScope): Promise<void> {
  const mutations = [annotating('"mutated-by": "admission-policy"')];
  const deployment = await createMutated(t, mutations, ({ metadata }) => metadata.annotations?.['mutated-by'] === 'admission-policy');
  assert.equal(deployment.metadata.annotations['mutated-by'], 'admission-policy');
}

/** Matches a group that nobody has: what is tested is the policy as an object. */
const unmatched: Json = { matchConstraints: { resourceRules: [{ ...aRule(['CREATE']), apiGroups: ['nobody.example.com'] }] } };

const aPolicy = (kind: string, spec: Json) => (): Json => ({ apiVersion: GROUP_VERSION, kind, spec });

const conditions = (message: string): Json => ({
  conditions: [{ type: 'E2e', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'E2E', message }],
});

export const admissionPolicyTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment [Conformance]',
    run: validatesDeployment,
  },
  {
    name: '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables. [Conformance]',
    run: refersToVariables,
  },
  {
    name: '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/validatingadmissionpolicies`,
        anObject: aPolicy('ValidatingAdmissionPolicy', { ...unmatched, validations: [{ expression: 'object.spec.replicas <= 100' }] }),
        status: { patch: conditions('patched'), update: conditions('updated') },
      }),
  },
  {
    name: '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/validatingadmissionpolicybindings`,
        anObject: aPolicy('ValidatingAdmissionPolicyBinding', { policyName: 'nobody.example.com', validationActions: ['Deny'] }),
      }),
  },
  {
    name: '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment [Conformance]',
    run: mutatesDeployment,
  },
  {
    name: '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations [Conformance]',
    run: annotatesDeployment,
  },
  {
    name: '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/mutatingadmissionpolicies`,
        anObject: aPolicy('MutatingAdmissionPolicy', {
          ...unmatched,
          mutations: [annotating('"my-foo-annotation": "myAnnotationValue"')],
          reinvocationPolicy: 'Never',
        }),
      }),
  },
  {
    name: '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/mutatingadmissionpolicybindings`,
        anObject: aPolicy('MutatingAdmissionPolicyBinding', { policyName: 'nobody.example.com' }),
      }),
  },
];
