/**
 * A program of ours that the API server calls: a pod of the test's namespace behind a Service, with a certificate of an authority made for it in
 * /certificate. Webhooks and aggregated API servers are such.
 */
import { issueAuthority, issueCertificate, type KeyAndCertificate } from '../../../bootstrap/issue-certificate.ts';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { untilReady } from './pods.ts';
import { createProgram } from './program.ts';

export const SERVICE_PORT = 8443;
const CONTAINER_PORT = 8444;
const LIFETIME_MS = 3_600_000;

export interface TlsServer {
  /** Of the authority, base64 as the API has it. */
  readonly caBundle: string;
  /** As webhooks and APIServices refer to it. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
}

/** Runs `programs/<name>.ts <port>`, which answers /readyz. Resolves when the pod is ready and the Service has it. */
export async function startTlsServer(t: TestScope, name: string, environment: Readonly<Record<string, string>> = {}): Promise<TlsServer> {
  const { authority, serving } = await issueServing(`${name}.${t.namespace}.svc`);
  const data = { 'tls.crt': serving.certificatePem, 'tls.key': serving.keyPem };
  await t.resource('v1/secrets').create({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: data });
  const specOf = await createProgram(t, name);
  const readinessProbe = { httpGet: { scheme: 'HTTPS', port: CONTAINER_PORT, path: '/readyz' }, periodSeconds: 1 };
  const env = Object.entries(environment).map(([key, value]) => ({ name: key, value }));
  const spec = specOf([String(CONTAINER_PORT)], {
    readinessProbe,
    env,
    volumeMounts: [{ name: 'certificate', mountPath: '/certificate' }],
  });
  spec.volumes.push({ name: 'certificate', secret: { secretName: name } });
  const labels = { app: name };
  await t.resource('v1/pods').create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec });
  const ports = [{ port: SERVICE_PORT, targetPort: CONTAINER_PORT }];
  await t.resource('v1/services').create({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: labels, ports } });
  await untilReady(t.resource('v1/pods'), name);
  await untilEndpoint(t, name);
  const caBundle = Buffer.from(authority.certificatePem).toString('base64');
  return { caBundle, service: { namespace: t.namespace, name, port: SERVICE_PORT } };
}

async function issueServing(host: string): Promise<{ authority: KeyAndCertificate; serving: KeyAndCertificate }> {
  const validity = { nowMs: Date.now(), lifetimeMs: LIFETIME_MS };
  const authority = await issueAuthority('e2e-ca', validity);
  const identity = { directory: '', name: '', authority: 'ca', commonName: 'e2e', usage: 'server', serverNames: [host] } as const;
  return { authority, serving: await issueCertificate(identity, authority, validity) };
}

async function untilEndpoint(t: TestScope, name: string): Promise<void> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  await t
    .resource('discovery.k8s.io/v1/endpointslices')
    .untilAll({ labelSelector }, `${name} has an endpoint`, (slices) =>
      slices.some(({ endpoints }) => endpoints?.some(({ conditions }: Json) => conditions.ready)),
    );
}
