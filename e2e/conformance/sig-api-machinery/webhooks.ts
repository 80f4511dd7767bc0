/** Admission webhooks at work: what they refuse and change, and what happens when they are slow, cannot be called, or turn on each other. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aDefinition, DEFINITIONS, type Defined, type DefinitionOptions, define } from '../framework/definition.ts';
import { eventually, expectRefusal } from '../framework/expect.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { aRule, aWebhook, configurationsOf, configure, startWebhookServer, type WebhookServer } from '../framework/webhook.ts';

const CONFIG_MAPS = 'v1/configmaps';
const aConfigMap = (name: string, data: Json = {}, labels: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});
const UNWANTED = { 'webhook-e2e-test': 'webhook-disallow' };

async function deniesPodsAndConfigMaps(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const free = await t.createNamespace('exempted', { 'skip-webhook-admission': 'yes' });
  const namespaceSelector = {
    matchExpressions: [
      { key: 'skip-webhook-admission', operator: 'NotIn', values: ['yes'] },
      { key: 'kubernetes.io/metadata.name', operator: 'In', values: [t.namespace, free] },
    ],
  };
  const podRules = [aRule('v1', 'pods', ['CREATE'])];
  const hanging = { objectSelector: { matchLabels: { hangs: t.suffix } }, timeoutSeconds: 2 };
  await configure(t, server, {
    kind: 'Validating',
    webhooks: [
      aWebhook(t, 'deny-unwanted-pod', server.clientConfig('/pods'), podRules),
      aWebhook(t, 'never-answers', server.clientConfig('/never'), podRules, hanging),
      aWebhook(t, 'deny-unwanted-configmap', server.clientConfig('/configmaps'), [aRule('v1', 'configmaps', ['CREATE', 'UPDATE'])], {
        namespaceSelector,
      }),
    ],
  });
  const pods = t.resource('v1/pods');
  const configMaps = t.resource(CONFIG_MAPS);
  await expectRefusal(pods.create(aPod('disallowed-pod', { labels: UNWANTED, container: { name: 'webhook-disallow' } })), {
    message: 'the pod contains unwanted label',
  });
  await expectRefusal(pods.create(aPod('disallowed-container', { container: { name: 'webhook-disallow' } })), {
    message: 'the pod contains unwanted container name',
  });
  await expectRefusal(pods.create(aPod('hanging-pod', { labels: { hangs: t.suffix } })), { message: /deadline|time(?:d )?out/i });
  await expectRefusal(pods.get('hanging-pod'), { reason: 'NotFound' });
  const refused = { message: 'the configmap contains unwanted data' };
  await expectRefusal(configMaps.create(aConfigMap('disallowed-configmap', UNWANTED)), refused);
  await configMaps.create(aConfigMap('allowed-configmap', { admit: 'this' }));
  const makeUnwanted = (configMap: Json) => {
    configMap.data = UNWANTED;
  };
  await expectRefusal(configMaps.change('allowed-configmap', makeUnwanted), refused);
  await expectRefusal(configMaps.patch('allowed-configmap', { data: UNWANTED }), refused);
  await t.resource(CONFIG_MAPS, free).create(aConfigMap('disallowed-configmap', UNWANTED));
}

async function deniesAttaching(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const rules = [aRule('v1', 'pods/attach', ['CONNECT'])];
  await configure(t, server, { kind: 'Validating', webhooks: [aWebhook(t, 'deny-attaching', server.clientConfig('/pods/attach'), rules)] });
  await t.resource('v1/pods').create(aPod('to-be-attached-pod'));
  await untilRunning(t.resource('v1/pods'), 'to-be-attached-pod');
  const { code, stderr } = await t.tryKubectl(['attach', 'to-be-attached-pod', '-i', '-c', 'main']);
  assert.notEqual(code, 0);
  assert.match(stderr, /attaching to pod 'to-be-attached-pod' is not allowed/);
}

/** A kind of the test's own with `data`, and what creates one. */
async function defineData(
  t: TestScope,
  options: DefinitionOptions = {},
): Promise<Defined & { create(name: string, data: Json): Promise<Json> }> {
  const defined = await define(t, aDefinition(t, options));
  return {
    ...defined,
    create: (name, data) => defined.objects().create({ apiVersion: defined.apiVersion(), kind: defined.kind, metadata: { name }, data }),
  };
}

async function deniesCustomResources(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const defined = await defineData(t);
  const objects = defined.objects();
  const rules = [aRule(defined.apiVersion(), defined.plural, ['CREATE', 'UPDATE', 'DELETE'])];
  await configure(t, server, {
    kind: 'Validating',
    webhooks: [aWebhook(t, 'deny-custom', server.clientConfig('/custom-resource'), rules)],
  });
  const refused = { message: 'the custom resource contains unwanted data' };
  await expectRefusal(defined.create('refused', UNWANTED), refused);
  await defined.create('admitted', { 'webhook-e2e-test': 'webhook-allow' });
  await expectRefusal(objects.patch('admitted', { data: UNWANTED }), refused);
  // One that was there before the webhook could not be deleted either.
  const { metadata } = (await t.resource(configurationsOf('Validating'), '').list()).items.find(
    ({ metadata }: Json) => metadata.name === `e2e-${t.suffix}`,
  );
  await t.resource(configurationsOf('Validating'), '').change(metadata.name, (configuration) => {
    configuration.webhooks[0].rules[0].operations = ['DELETE'];
  });
  await eventually('changes are let through', async () => (await objects.patch('admitted', { data: UNWANTED })) !== undefined);
  await expectRefusal(objects.delete('admitted'), refused);
  await objects.patch('admitted', { data: { 'webhook-e2e-test': 'webhook-allow' } });
  await objects.delete('admitted');
}

async function deniesDefinitions(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const more = { namespaceSelector: {}, objectSelector: { matchLabels: { 'e2e-test': t.suffix } } };
  const rules = [aRule('apiextensions.k8s.io/v1', 'customresourcedefinitions', ['CREATE'])];
  await configure(t, server, { kind: 'Validating', webhooks: [aWebhook(t, 'deny-crd', server.clientConfig('/crd'), rules, more)] });
  const labels = { 'e2e-test': t.suffix, ...UNWANTED };
  await expectRefusal(t.resource(DEFINITIONS, '').create(aDefinition(t, { labels })), { message: 'the crd contains unwanted data' });
}

/** The webhook takes five seconds. */
async function honorsTimeout(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const cases = [
    { name: 'short-fail', more: { timeoutSeconds: 1, failurePolicy: 'Fail' }, isRefused: true },
    { name: 'short-ignore', more: { timeoutSeconds: 1, failurePolicy: 'Ignore' }, isRefused: false },
    { name: 'long', more: { timeoutSeconds: 10, failurePolicy: 'Fail' }, isRefused: false },
    { name: 'default', more: { timeoutSeconds: undefined, failurePolicy: 'Fail' }, isRefused: false },
  ] as const;
  const webhooks = cases.map(({ name, more }) =>
    aWebhook(t, `slow-${name}`, server.clientConfig('/always-allow-delay-5s'), [aRule('v1', 'configmaps', ['CREATE'])], {
      ...more,
      objectSelector: { matchLabels: { slow: name } },
    }),
  );
  const { metadata } = await configure(t, server, { kind: 'Validating', webhooks });
  const stored = await t.resource(configurationsOf('Validating'), '').get(metadata.name);
  assert.equal(stored.webhooks.find(({ name }: Json) => name === 'slow-default.k8s.io').timeoutSeconds, 10);
  await Promise.all(
    cases.map(async ({ name, isRefused }) => {
      const created = t.resource(CONFIG_MAPS).create(aConfigMap(name, {}, { slow: name }));
      await (isRefused ? expectRefusal(created, { message: /deadline|time(?:d )?out/i }) : created);
    }),
  );
}

async function mutatesConfigMaps(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const rules = [aRule('v1', 'configmaps', ['CREATE'])];
  const webhooks = [1, 2].map((stage) => aWebhook(t, `adding-stage-${stage}`, server.clientConfig('/mutating-configmaps'), rules));
  await configure(t, server, { kind: 'Mutating', webhooks });
  const { data } = await t.resource(CONFIG_MAPS).create(aConfigMap('to-be-mutated', { 'mutation-start': 'yes' }));
  assert.deepEqual(data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
}

async function mutatesPods(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const rules = [aRule('v1', 'pods', ['CREATE'])];
  await configure(t, server, {
    kind: 'Mutating',
    webhooks: [aWebhook(t, 'adding-init-container', server.clientConfig('/mutating-pods'), rules)],
  });
  const { spec } = await t.resource('v1/pods').create(aPod('webhook-to-be-mutated'), { dryRun: 'All' });
  assert.equal(spec.initContainers.length, 1);
  assert.equal(spec.initContainers[0].name, 'webhook-added-init-container');
  assert.equal(spec.initContainers[0].terminationMessagePolicy, 'File', 'defaults are applied to what was added');
}

async function mutatesAllButOne(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const matchConditions = [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }];
  const rules = [aRule('v1', 'configmaps', ['CREATE'])];
  const webhook = aWebhook(t, 'skipping', server.clientConfig('/mutating-configmaps'), rules, { matchConditions });
  await configure(t, server, { kind: 'Mutating', webhooks: [webhook] });
  const data = { 'mutation-start': 'yes' };
  const skipped = await t.resource(CONFIG_MAPS).create(aConfigMap('skip-me', data));
  assert.deepEqual(skipped.data, data);
  const mutated = await t.resource(CONFIG_MAPS).create(aConfigMap('not-skipped', data));
  assert.equal(mutated.data['mutation-stage-1'], 'yes');
}

async function configureCustomMutation(
  t: TestScope,
  server: WebhookServer,
  defined: Defined,
  operations: readonly string[],
): Promise<void> {
  const rules = [aRule(`${defined.group}/*`, defined.plural, operations)];
  const webhooks = [1, 2].map((stage) => aWebhook(t, `custom-stage-${stage}`, server.clientConfig('/mutating-custom-resource'), rules));
  await configure(t, server, { kind: 'Mutating', webhooks });
}

async function mutatesCustomResources(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const defined = await defineData(t);
  await configureCustomMutation(t, server, defined, ['CREATE']);
  const { data } = await defined.create('cr-instance-1', { 'mutation-start': 'yes' });
  assert.deepEqual(data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
}

async function mutatesWithPruning(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const properties = { 'mutation-start': { type: 'string' }, 'mutation-stage-1': { type: 'string' } };
  const schema = { type: 'object', properties: { data: { type: 'object', properties } } };
  const defined = await defineData(t, { versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] });
  await configureCustomMutation(t, server, defined, ['CREATE']);
  const { data } = await defined.create('cr-instance-1', { 'mutation-start': 'yes' });
  assert.deepEqual(data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' }, 'what the schema does not have is pruned');
}

async function mutatesOtherStoredVersion(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const defined = await defineData(t, { versions: [{ name: 'v1' }, { name: 'v2', storage: false }] });
  await configureCustomMutation(t, server, defined, ['CREATE', 'UPDATE']);
  await defined.create('cr-instance-1', { 'mutation-start': 'yes' });
  const definitions = t.resource(DEFINITIONS, '');
  await definitions.change(defined.definition.metadata.name, ({ spec }) => {
    for (const version of spec.versions) version.storage = version.name === 'v2';
  });
  const patched = await eventually('the object is patched in the new stored version', () =>
    defined.objects().patch('cr-instance-1', { data: { dummy: 'test' } }),
  );
  const expected = { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes', dummy: 'test' };
  assert.deepEqual(patched.data, expected);
  assert.deepEqual((await defined.objects('v2').get('cr-instance-1')).data, expected);
}

/** Webhooks for webhook configurations are not called: nobody could get rid of them. */
async function sparesConfigurations(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const objectSelector = { matchLabels: { 'e2e-spared': t.suffix } };
  const rulesFor = (operations: readonly string[]) => [aRule('admissionregistration.k8s.io/v1', '*', operations)];
  const more = { namespaceSelector: {}, objectSelector };
  await configure(t, server, {
    kind: 'Validating',
    name: 'denying',
    webhooks: [aWebhook(t, 'deny-configurations', server.clientConfig('/always-deny'), rulesFor(['DELETE']), more)],
  });
  await configure(t, server, {
    kind: 'Mutating',
    name: 'labelling',
    webhooks: [aWebhook(t, 'label-configurations', server.clientConfig('/add-label'), rulesFor(['CREATE']), more)],
  });
  for (const kind of ['Validating', 'Mutating'] as const) {
    const configurations = t.resource(configurationsOf(kind), '');
    const name = `dummy-${t.suffix}`;
    const webhook = aWebhook(t, 'dummy', { service: { namespace: t.namespace, name: 'nobody' } }, [aRule('v1', 'invalid', ['CREATE'])]);
    const created = await configurations.create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: `${kind}WebhookConfiguration`,
      metadata: { name, labels: objectSelector.matchLabels },
      webhooks: [{ ...webhook, failurePolicy: 'Ignore' }],
    });
    t.cleanUp(() => configurations.delete(name));
    assert.equal(created.metadata.labels['added-label'], undefined);
    await configurations.delete(name);
    await expectRefusal(configurations.get(name), { reason: 'NotFound' });
  }
}

/** Without its authority's certificate the webhook cannot be called, and what cannot be asked about is refused. */
async function failsClosed(t: TestScope): Promise<void> {
  const server = await startWebhookServer(t);
  const { caBundle: _unknown, ...clientConfig } = server.clientConfig('/configmaps');
  const failing = aWebhook(t, 'fail-closed', clientConfig, [aRule('v1', 'configmaps', ['CREATE'])], {
    failurePolicy: 'Fail',
    objectSelector: { matchLabels: { 'fail-closed': t.suffix } },
  });
  await configure(t, server, { kind: 'Validating', webhooks: [failing] });
  const configMap = aConfigMap('fail-closed', {}, { 'fail-closed': t.suffix });
  await expectRefusal(t.resource(CONFIG_MAPS).create(configMap), { reason: 'InternalError', message: 'failed calling webhook' });
}

const PREFIX = '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin]';

export const webhookTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should be able to deny pod and configmap creation [Conformance]`, run: deniesPodsAndConfigMaps },
  { name: `${PREFIX} should be able to deny attaching pod [Conformance]`, run: deniesAttaching },
  { name: `${PREFIX} should be able to deny custom resource creation, update and deletion [Conformance]`, run: deniesCustomResources },
  { name: `${PREFIX} should deny crd creation [Conformance]`, run: deniesDefinitions },
  { name: `${PREFIX} should honor timeout [Conformance]`, run: honorsTimeout },
  { name: `${PREFIX} should mutate configmap [Conformance]`, run: mutatesConfigMaps },
  { name: `${PREFIX} should mutate pod and apply defaults after mutation [Conformance]`, run: mutatesPods },
  { name: `${PREFIX} should mutate everything except 'skip-me' configmaps [Conformance]`, run: mutatesAllButOne },
  { name: `${PREFIX} should mutate custom resource [Conformance]`, run: mutatesCustomResources },
  { name: `${PREFIX} should mutate custom resource with pruning [Conformance]`, run: mutatesWithPruning },
  { name: `${PREFIX} should mutate custom resource with different stored version [Conformance]`, run: mutatesOtherStoredVersion },
  {
    name: `${PREFIX} should not be able to mutate or prevent deletion of webhook configuration objects [Conformance]`,
    run: sparesConfigurations,
  },
  { name: `${PREFIX} should unconditionally reject operations on fail closed webhook [Conformance]`, run: failsClosed },
];
