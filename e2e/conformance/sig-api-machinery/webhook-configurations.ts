/** Webhook configurations as objects: in discovery, listed, changed and deleted with effect, with match conditions and bad ones. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import { checkDiscovery } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually, expectRefusal } from '../framework/expect.ts';
import { aRule, aWebhook, configurationsOf, configure, startWebhookServer, type WebhookKind } from '../framework/webhook.ts';

const CONFIG_MAPS = 'v1/configmaps';
const LISTED = 10;
const kinds = ['Validating', 'Mutating'] as const;

async function isInDiscovery(t: TestScope): Promise<void> {
  for (const kind of kinds) await checkDiscovery(t, { resource: configurationsOf(kind) });
}

/** What a validating webhook of these tests refuses and a mutating one changes. */
const aConfigMap = (name: string): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { 'webhook-e2e-test': 'webhook-disallow', 'mutation-start': 'yes' },
});

const pathOf = { Validating: '/configmaps', Mutating: '/mutating-configmaps' } as const;

/** Whether the webhook has its effect on a ConfigMap that is created now. */
async function hasEffect(t: TestScope, kind: WebhookKind, name: string): Promise<boolean> {
  const configMaps = t.resource(CONFIG_MAPS);
  if (kind === 'Validating') {
    const created = await configMaps.create(aConfigMap(name)).catch((error: Json) => {
      assert.match(error.message, /denied/);
      return undefined;
    });
    if (created !== undefined) await configMaps.delete(name);
    return created === undefined;
  }
  const created = await configMaps.create(aConfigMap(name));
  await configMaps.delete(name);
  return created.data['mutation-stage-1'] === 'yes';
}

const lists = (kind: WebhookKind) => async (t: TestScope) => {
  const server = await startWebhookServer(t);
  const labels = { 'e2e-list-test': t.suffix };
  const webhook = aWebhook(t, 'listed', server.clientConfig(pathOf[kind]), [aRule('v1', 'configmaps', ['CREATE'])]);
  await Promise.all(
    Array.from({ length: LISTED }, (_, index) => configure(t, server, { kind, webhooks: [webhook], name: `listed-${index}`, labels })),
  );
  const configurations = t.resource(configurationsOf(kind), '');
  const selector = { labelSelector: `e2e-list-test=${t.suffix}` };
  assert.equal((await configurations.list(selector)).items.length, LISTED);
  assert.equal(await hasEffect(t, kind, 'before'), true);
  await configurations.deleteCollection(selector);
  await eventually('the webhooks have no effect any more', async () => !(await hasEffect(t, kind, 'after')));
};

const changes = (kind: WebhookKind) => async (t: TestScope) => {
  const server = await startWebhookServer(t);
  const webhook = aWebhook(t, 'changed', server.clientConfig(pathOf[kind]), [aRule('v1', 'configmaps', ['CREATE'])]);
  const { metadata } = await configure(t, server, { kind, webhooks: [webhook] });
  const configurations = t.resource(configurationsOf(kind), '');
  assert.equal(await hasEffect(t, kind, 'registered'), true);
  await configurations.change(metadata.name, (configuration) => {
    configuration.webhooks[0].rules[0].operations = ['UPDATE'];
  });
  await eventually('creations are left alone', async () => !(await hasEffect(t, kind, 'updated')));
  const patch = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
  await configurations.patch(metadata.name, patch, { type: 'json' });
  await eventually('creations are looked at again', () => hasEffect(t, kind, 'patched'));
};

/** Configurations that nobody needs to be able to call. */
async function createWithConditions(t: TestScope, kind: WebhookKind, matchConditions: readonly Json[]): Promise<Json> {
  const clientConfig = { service: { namespace: t.namespace, name: 'nobody', path: '/' } };
  const webhook = aWebhook(t, 'conditional', clientConfig, [aRule('v1', 'configmaps', ['CREATE'])], { matchConditions });
  const configurations = t.resource(configurationsOf(kind), '');
  const name = `conditional-${t.suffix}`;
  t.cleanUp(() => configurations.delete(name));
  return configurations.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [webhook],
  });
}

const keepsConditions = (kind: WebhookKind) => async (t: TestScope) => {
  const first = [{ name: 'expression-1', expression: "object.metadata.namespace == 'production'" }];
  const second = [
    { name: 'expression-1', expression: "object.metadata.namespace == 'production'" },
    { name: 'expression-2', expression: "object.metadata.namespace == 'staging'" },
  ];
  const configurations = t.resource(configurationsOf(kind), '');
  const { metadata } = await createWithConditions(t, kind, first);
  assert.deepEqual((await configurations.get(metadata.name)).webhooks[0].matchConditions, first);
  await configurations.change(metadata.name, (configuration) => {
    configuration.webhooks[0].matchConditions = second;
  });
  assert.deepEqual((await configurations.get(metadata.name)).webhooks[0].matchConditions, second);
};

const refusesBadConditions = (kind: WebhookKind) => async (t: TestScope) => {
  const conditions = [{ name: 'invalid-expression-1', expression: "object.metadata.namespace == 'production'  ...  bad syntax" }];
  await expectRefusal(createWithConditions(t, kind, conditions), { reason: 'Invalid', message: 'compilation failed' });
};

const PREFIX = '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin]';

export const webhookConfigurationTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should include webhook resources in discovery documents [Conformance]`, run: isInDiscovery },
  { name: `${PREFIX} listing validating webhooks should work [Conformance]`, run: lists('Validating') },
  { name: `${PREFIX} listing mutating webhooks should work [Conformance]`, run: lists('Mutating') },
  { name: `${PREFIX} patching/updating a validating webhook should work [Conformance]`, run: changes('Validating') },
  { name: `${PREFIX} patching/updating a mutating webhook should work [Conformance]`, run: changes('Mutating') },
  {
    name: `${PREFIX} should be able to create and update validating webhook configurations with match conditions [Conformance]`,
    run: keepsConditions('Validating'),
  },
  {
    name: `${PREFIX} should be able to create and update mutating webhook configurations with match conditions [Conformance]`,
    run: keepsConditions('Mutating'),
  },
  {
    name: `${PREFIX} should reject validating webhook configurations with invalid match conditions [Conformance]`,
    run: refusesBadConditions('Validating'),
  },
  {
    name: `${PREFIX} should reject mutating webhook configurations with invalid match conditions [Conformance]`,
    run: refusesBadConditions('Mutating'),
  },
];
