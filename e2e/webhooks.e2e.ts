/** Webhooks that run as pods behind a Service, as a cluster's users run them: the API server reaches them by the Service's address and checks their certificate. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createTestAuthority } from '../apiserver/testing/certificates.ts';
import { aNamespace, applyManifest, eventually, getJson, kubectl, rolledOut, tryKubectl } from './cluster.ts';

/** Answers admission and conversion reviews; small enough to live in a ConfigMap. */
const SERVER = `
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
const tls = { cert: readFileSync('/tls/tls.crt'), key: readFileSync('/tls/tls.key') };
const patch = Buffer.from(JSON.stringify([{ op: 'add', path: '/data/seen', value: 'yes' }])).toString('base64');
const convert = ({ host, port, hostPort, ...object }, apiVersion) =>
  apiVersion.endsWith('/v1')
    ? { ...object, apiVersion, hostPort: host + ':' + port }
    : { ...object, apiVersion, host: hostPort.split(':')[0], port: hostPort.split(':')[1] };
const answers = {
  '/mutate': () => ({ allowed: true, patchType: 'JSONPatch', patch, warnings: ['you were seen'] }),
  '/deny': ({ object }) =>
    object?.kind === 'ConfigMap' && object.data?.bad === undefined
      ? { allowed: true }
      : { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'we do not do that here' } },
  '/convert': ({ objects, desiredAPIVersion }) => ({
    convertedObjects: objects.map((object) => convert(object, desiredAPIVersion)),
    result: { status: 'Success' },
  }),
};
createServer(tls, async (request, response) => {
  const path = request.url.replace(/\\?.*/, '');
  if (path === '/healthz') return response.end('ok');
  let text = '';
  for await (const chunk of request) text += chunk;
  const review = JSON.parse(text);
  const answer = { uid: review.request.uid, ...answers[path](review.request) };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ apiVersion: review.apiVersion, kind: review.kind, response: answer }));
}).listen(8443);
`;

/** Gives the authority that the server's certificate is from, in base64. */
async function deployServer(namespace: string): Promise<string> {
  const authority = await createTestAuthority('webhook-ca');
  const { certificate, key } = await authority.server([`hook.${namespace}.svc`]);
  const container = {
    name: 'hook',
    image: 'keelson/hello:v1',
    command: ['node', '/code/server.mjs'],
    readinessProbe: { httpGet: { path: '/healthz', port: 8443, scheme: 'HTTPS' }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'code', mountPath: '/code' },
      { name: 'tls', mountPath: '/tls' },
    ],
  };
  const volumes = [
    { name: 'code', configMap: { name: 'code' } },
    { name: 'tls', secret: { secretName: 'tls' } },
  ];
  const labels = { app: 'hook' };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container], volumes };
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'code' }, data: { 'server.mjs': SERVER } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls' }, stringData: { 'tls.crt': certificate, 'tls.key': key } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'hook' },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hook' }, spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] } },
  ];
  for (const object of objects) await applyManifest(namespace, JSON.stringify(object));
  await rolledOut(namespace, 'hook');
  return Buffer.from(authority.certificate).toString('base64');
}

interface Hook {
  readonly namespace: string;
  readonly caBundle: string;
}

const clientConfig = ({ namespace, caBundle }: Hook, path: string) => ({ caBundle, service: { name: 'hook', namespace, path } });

async function register(t: TestContext, kind: 'Validating' | 'Mutating', hook: Hook, path: string, rule: object): Promise<void> {
  const name = `${hook.namespace}${path.replace('/', '-')}`;
  const webhook = {
    name: `${name}.example.com`,
    clientConfig: clientConfig(hook, path),
    rules: [{ apiGroups: [''], apiVersions: ['v1'], ...rule }],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': hook.namespace } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const resource = `${kind.toLowerCase()}webhookconfiguration`;
  t.after(() => kubectl('delete', resource, name, '--ignore-not-found'));
  const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: `${kind}WebhookConfiguration`, metadata: { name } };
  await applyManifest('', JSON.stringify({ ...configuration, webhooks: [webhook] }));
}

test('pods behind a Service admit, change and refuse what is written, and who connects', async (t) => {
  const namespace = await aNamespace(t);
  const hook = { namespace, caBundle: await deployServer(namespace) };
  await register(t, 'Mutating', hook, '/mutate', { operations: ['CREATE'], resources: ['configmaps'] });
  await register(t, 'Validating', hook, '/deny', { operations: ['CREATE', 'CONNECT'], resources: ['configmaps', 'pods/exec'] });
  const created = await tryKubectl('-n', namespace, 'create', 'configmap', 'good', '--from-literal=a=b');
  assert.equal(created.code, 0, created.stderr);
  assert.match(created.stderr, /Warning: you were seen/);
  assert.deepEqual((await getJson('-n', namespace, 'configmap', 'good')).data, { a: 'b', seen: 'yes' });
  const refused = await tryKubectl('-n', namespace, 'create', 'configmap', 'bad', '--from-literal=bad=yes');
  assert.match(refused.stderr, /admission webhook ".*-deny.example.com" denied the request: we do not do that here/);
  const exec = await tryKubectl('-n', namespace, 'exec', 'deployment/hook', '--', 'true');
  assert.match(exec.stderr, /we do not do that here/);
});

test('pods behind a Service convert custom resources between versions', async (t) => {
  const namespace = await aNamespace(t);
  const caBundle = await deployServer(namespace);
  const group = `${namespace}.example.com`;
  const text = { type: 'string' };
  const aVersion = (name: string, storage: boolean, properties: object) => ({
    name,
    storage,
    served: true,
    schema: { openAPIV3Schema: { type: 'object', properties } },
  });
  const webhook = { clientConfig: clientConfig({ namespace, caBundle }, '/convert'), conversionReviewVersions: ['v1'] };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `hosts.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'hosts', kind: 'Host' },
      conversion: { strategy: 'Webhook', webhook },
      versions: [aVersion('v1', true, { hostPort: text }), aVersion('v2', false, { host: text, port: text })],
    },
  };
  t.after(() => kubectl('delete', 'crd', `hosts.${group}`, '--ignore-not-found'));
  await applyManifest('', JSON.stringify(definition));
  await kubectl('wait', '--for=condition=Established', `crd/hosts.${group}`, '--timeout=30s');
  const host = { apiVersion: `${group}/v1`, kind: 'Host', metadata: { name: 'a' }, hostPort: 'localhost:80' };
  await eventually('a host is created', async () => (await applyManifest(namespace, JSON.stringify(host))) !== '');
  const read = await getJson('-n', namespace, `hosts.v2.${group}`, 'a');
  assert.deepEqual([read.apiVersion, read.host, read.port], [`${group}/v2`, 'localhost', '80']);
  await kubectl('-n', namespace, 'patch', `hosts.v2.${group}`, 'a', '--type=merge', '-p', '{"port":"81"}');
  assert.equal((await getJson('-n', namespace, `hosts.v1.${group}`, 'a')).hostPort, 'localhost:81');
  // Its objects must be convertible for as long as there are any.
  await kubectl('delete', 'crd', `hosts.${group}`, '--timeout=30s');
});
