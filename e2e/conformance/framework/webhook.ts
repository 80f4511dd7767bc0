/**
 * Webhooks for a test: the program `webhook.ts` in a pod of the test's namespace behind a Service, with a certificate of an authority made for
 * it; and configurations of it, waited for until the API server calls it.
 */

import type { KeyAndCertificate } from '../../../bootstrap/issue-certificate.ts';
import { issueAuthority, issueCertificate } from '../../../bootstrap/issue-certificate.ts';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { eventually, expectRefusal } from './expect.ts';
import { untilReady } from './pods.ts';
import { createProgram } from './program.ts';

const NAME = 'e2e-test-webhook';
const SERVICE_PORT = 8443;
const CONTAINER_PORT = 8444;
const LIFETIME_MS = 3_600_000;
/** Configurations match the test's own namespace by the label that every namespace has. */
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';
const CONFIGURATIONS = 'admissionregistration.k8s.io/v1';

export interface WebhookServer {
  /** Of a webhook at this path; base64 as the API has it. */
  clientConfig(path: string): Json;
}

/** Resolves when the pod is ready and the Service has it. */
export async function startWebhookServer(t: TestScope): Promise<WebhookServer> {
  const { authority, serving } = await issueServing(t.namespace);
  const data = { 'tls.crt': serving.certificatePem, 'tls.key': serving.keyPem };
  await t.resource('v1/secrets').create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: NAME }, stringData: data });
  const specOf = await createProgram(t, 'webhook');
  const readinessProbe = { httpGet: { scheme: 'HTTPS', port: CONTAINER_PORT, path: '/readyz' }, periodSeconds: 1 };
  const container = { readinessProbe, volumeMounts: [{ name: 'certificate', mountPath: '/certificate' }] };
  const spec = specOf([String(CONTAINER_PORT)], container);
  spec.volumes.push({ name: 'certificate', secret: { secretName: NAME } });
  const labels = { app: NAME };
  await t.resource('v1/pods').create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: NAME, labels }, spec });
  const ports = [{ port: SERVICE_PORT, targetPort: CONTAINER_PORT }];
  await t
    .resource('v1/services')
    .create({ apiVersion: 'v1', kind: 'Service', metadata: { name: NAME }, spec: { selector: labels, ports } });
  await untilReady(t.resource('v1/pods'), NAME);
  await untilEndpoint(t);
  const caBundle = Buffer.from(authority.certificatePem).toString('base64');
  return { clientConfig: (path) => ({ caBundle, service: { namespace: t.namespace, name: NAME, port: SERVICE_PORT, path } }) };
}

async function issueServing(namespace: string): Promise<{ authority: KeyAndCertificate; serving: KeyAndCertificate }> {
  const validity = { nowMs: Date.now(), lifetimeMs: LIFETIME_MS };
  const authority = await issueAuthority('e2e-webhook-ca', validity);
  const host = `${NAME}.${namespace}.svc`;
  const identity = { directory: '', name: '', authority: 'ca', commonName: host, usage: 'server', serverNames: [host] } as const;
  return { authority, serving: await issueCertificate(identity, authority, validity) };
}

async function untilEndpoint(t: TestScope): Promise<void> {
  const labelSelector = `kubernetes.io/service-name=${NAME}`;
  await t
    .resource('discovery.k8s.io/v1/endpointslices')
    .untilAll({ labelSelector }, 'the webhook has an endpoint', (slices) =>
      slices.some(({ endpoints }) => endpoints?.some(({ conditions }: Json) => conditions.ready)),
    );
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
