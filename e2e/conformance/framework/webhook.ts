/**
 * Webhooks for a test: the program `webhook.ts` in a pod, and configurations of it, waited for until the API server calls it.
 */

import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { eventually, expectRefusal } from './expect.ts';
import { startTlsServer } from './tls-server.ts';

/** Configurations match the test's own namespace by the label that every namespace has. */
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';
const CONFIGURATIONS = 'admissionregistration.k8s.io/v1';

export interface WebhookServer {
  /** Of a webhook at this path; base64 as the API has it. */
  clientConfig(path: string): Json;
}

/** Resolves when the pod is ready and the Service has it. */
export async function startWebhookServer(t: TestScope): Promise<WebhookServer> {
  const { caBundle, service } = await startTlsServer(t, 'webhook');
  return { clientConfig: (path) => ({ caBundle, service: { ...service, path } }) };
}

export type WebhookKind = 'Validating' | 'Mutating';

/** One webhook of a configuration for the test's namespace; `more` is laid over it. */
export function aWebhook(t: TestScope, name: string, clientConfig: Json, rules: readonly Json[], more: Json = {}): Json {
  return {
    name: `${name}.k8s.io`,
    clientConfig,
    rules,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 10,
    namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: t.namespace } },
    ...more,
  };
}

export const aRule = (groupVersion: string, resource: string, operations: readonly string[], scope = '*'): Json => {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
  return { apiGroups: [group], apiVersions: [version], resources: [resource], operations, scope };
};

export function configurationsOf(kind: WebhookKind): string {
  return `${CONFIGURATIONS}/${kind.toLowerCase()}webhookconfigurations`;
}

export interface Configuration {
  readonly kind: WebhookKind;
  readonly webhooks: readonly Json[];
  readonly name?: string;
  readonly labels?: Json;
}

/** Creates the configuration with one more webhook, which refuses marked ConfigMaps, and waits until that is called. */
export async function configure(t: TestScope, server: WebhookServer, { kind, webhooks, name, labels }: Configuration): Promise<Json> {
  const fullName = `${name ?? 'e2e'}-${t.suffix}`;
  const marker = markerOf(fullName);
  const markerWebhook = aWebhook(t, `marker-${t.suffix}`, server.clientConfig('/always-deny'), [aRule('v1', 'configmaps', ['CREATE'])], {
    objectSelector: { matchLabels: marker },
  });
  const configurations = t.resource(configurationsOf(kind), '');
  const created = await configurations.create({
    apiVersion: CONFIGURATIONS,
    kind: `${kind}WebhookConfiguration`,
    metadata: { name: fullName, labels },
    webhooks: [...webhooks, markerWebhook],
  });
  t.cleanUp(() => configurations.delete(fullName));
  await untilCalled(t, marker);
  return created;
}

function markerOf(name: string): Json {
  return { 'e2e-marker': name };
}

/** When the API server has heard of a configuration nothing tells: a marked ConfigMap is tried until it is refused. */
async function untilCalled(t: TestScope, labels: Json): Promise<void> {
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'marker', labels } };
  await eventually('the webhook is called', async () => {
    await expectRefusal(t.resource('v1/configmaps').create(configMap, { dryRun: 'All' }), { message: 'denied' });
    return true;
  });
}
