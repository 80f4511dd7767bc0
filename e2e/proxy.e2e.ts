/** Through the API server to others: pods, Services, nodes, kubectl proxy, watches over WebSockets, and an aggregated API server that runs as a pod. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { createTestAuthority } from '../apiserver/testing/certificates.ts';
import {
  aNamespace,
  applyManifest,
  eventually,
  getJson,
  helloManifest,
  type Json,
  kubeconfigPath,
  kubectl,
  kubectlPath,
  rolledOut,
  tryKubectl,
} from './cluster.ts';

async function aHello(t: TestContext): Promise<{ readonly namespace: string; readonly pod: string }> {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const pods = await getJson('pods', '-n', namespace);
  return { namespace, pod: pods.items[0].metadata.name };
}

test('pods, Services and nodes answer through the API server', async (t) => {
  const { namespace, pod } = await aHello(t);
  const base = `/api/v1/namespaces/${namespace}`;
  for (const path of [`pods/${pod}/proxy/`, `pods/http:${pod}:8080/proxy/`, 'services/hello:http/proxy/', 'services/hello:80/proxy/']) {
    const text = await eventually(path, () => kubectl('get', '--raw', `${base}/${path}`));
    assert.match(text, new RegExp(`^Hello from ${pod} `));
  }
  const { items } = JSON.parse(await kubectl('get', '--raw', '/api/v1/nodes/worker-1/proxy/pods'));
  assert.ok(items.every(({ spec }: Json) => spec.nodeName === 'worker-1'));
  const nobody = await tryKubectl('get', '--raw', `${base}/services/hello:https/proxy/`);
  assert.match(nobody.stderr, /no endpoints available for service "hello"/);
});

test('kubectl proxy leads to a pod', async (t) => {
  const { namespace, pod } = await aHello(t);
  const proxy = spawn(kubectlPath, ['--kubeconfig', kubeconfigPath, 'proxy', '--port=0']);
  t.after(() => proxy.kill());
  let said = '';
  proxy.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const port = await eventually('the proxy is open', async () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
  const response = await request(`http://127.0.0.1:${port}/api/v1/namespaces/${namespace}/pods/${pod}/proxy/x`, { reset: true });
  assert.match(await response.body.text(), new RegExp(`^Hello from ${pod} `));
});

test('a watch and a log come over WebSockets', async (t) => {
  const { namespace, pod } = await aHello(t);
  const folder = join(import.meta.dirname, '../.keelson');
  const [ca, cert, key] = ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFileSync(join(folder, name), 'utf8'));
  const tls = { ca, cert, key };
  const base = `wss://127.0.0.1:6443/api/v1/namespaces/${namespace}/pods`;
  const watch = new WebSocket(`${base}?watch=true`, tls);
  const [event] = await once(watch, 'message');
  assert.equal(JSON.parse(String(event)).object.metadata.name, pod);
  watch.terminate();
  const log = new WebSocket(`${base}/${pod}/log?follow=true`, 'base64.binary.k8s.io', tls);
  const [line] = await once(log, 'message');
  assert.match(Buffer.from(String(line), 'base64').toString(), /^hello v1 listens/);
  log.terminate();
});

const GROUP = 'wardle.example.com';

/** Lists one object, which is named by whoever asks. */
const AGGREGATED_SERVER = `
  const { createServer } = require('node:https');
  const { readFileSync } = require('node:fs');
  const file = (name) => readFileSync('/etc/wardle/' + name);
  const resource = { name: 'flunders', singularName: 'flunder', namespaced: false, kind: 'Flunder', verbs: ['get', 'list'] };
  const documents = { '/apis/${GROUP}/v1': { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: '${GROUP}/v1', resources: [resource] } };
  const flunder = (name) => ({ apiVersion: '${GROUP}/v1', kind: 'Flunder', metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' } });
  const options = { cert: file('tls.crt'), key: file('tls.key'), ca: file('ca.crt'), requestCert: true, rejectUnauthorized: true };
  createServer(options, (request, response) => {
    const path = request.url.split('?')[0];
    const list = { apiVersion: '${GROUP}/v1', kind: 'FlunderList', metadata: {}, items: [flunder(request.headers['x-remote-user'] ?? '')] };
    const body = path.endsWith('/flunders') ? list : documents[path];
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  }).listen(8443);
  process.on('SIGTERM', () => process.exit(0));
`;

async function wardleManifests(namespace: string): Promise<{ readonly workload: string; readonly apiService: string }> {
  const authority = await createTestAuthority('wardle-ca');
  const { certificate, key } = await authority.server([`wardle.${namespace}.svc`]);
  const info = await getJson('configmap', 'extension-apiserver-authentication', '-n', 'kube-system');
  const ca = info.data['requestheader-client-ca-file'];
  const metadata = { name: 'wardle' };
  const labels = { app: 'wardle' };
  const container = {
    name: 'wardle',
    image: 'keelson/hello:v1',
    command: ['node', '/etc/wardle/server.cjs'],
    ports: [{ containerPort: 8443 }],
    volumeMounts: [{ name: 'files', mountPath: '/etc/wardle' }],
    readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
  };
  const spec = {
    terminationGracePeriodSeconds: 1,
    containers: [container],
    volumes: [{ name: 'files', secret: { secretName: 'wardle' } }],
  };
  const items = [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': ca, 'server.cjs': AGGREGATED_SERVER },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
  ];
  const apiService = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${GROUP}` },
    spec: {
      group: GROUP,
      version: 'v1',
      groupPriorityMinimum: 1_500,
      versionPriority: 15,
      service: { namespace, name: 'wardle' },
      caBundle: Buffer.from(authority.certificate).toString('base64'),
    },
  };
  return { workload: items.map((item) => JSON.stringify(item)).join('\n'), apiService: JSON.stringify(apiService) };
}

test('an API server that runs as a pod serves its group through ours', async (t) => {
  // First of all: a namespace is not deleted while a group does not answer that might have something in it.
  t.after(() => tryKubectl('delete', 'apiservice', `v1.${GROUP}`, '--ignore-not-found'));
  const namespace = await aNamespace(t);
  const { workload, apiService } = await wardleManifests(namespace);
  await applyManifest('', apiService);
  const reasonIs = async (reason: string) => {
    const { status } = await getJson('apiservice', `v1.${GROUP}`);
    return status?.conditions?.[0]?.reason === reason;
  };
  await eventually('there is no Service yet', () => reasonIs('ServiceNotFound'));
  await applyManifest(namespace, workload);
  await rolledOut(namespace, 'wardle');
  await kubectl('wait', '--for=condition=Available', `apiservice/v1.${GROUP}`, '--timeout=60s');
  assert.match(await kubectl('get', 'apiservice', `v1.${GROUP}`), new RegExp(`${namespace}/wardle +True `));
  assert.match(await kubectl('api-resources', '--api-group', GROUP, '--no-headers'), /^flunders +wardle\.example\.com\/v1 +false +Flunder/);
  assert.match(await kubectl('get', 'flunders', '-o', 'name'), /^flunder\.wardle\.example\.com\/kubernetes-admin\n$/);
  assert.match(await kubectl('get', 'flunders', '-o', 'name', '--as=jane', '--as-group=system:masters'), /\/jane\n$/);
  await kubectl('-n', namespace, 'scale', 'deployment/wardle', '--replicas=0');
  await eventually(
    'nobody is behind the Service',
    async () => (await reasonIs('MissingEndpoints')) || (await reasonIs('EndpointsNotFound')),
  );
  const refused = await tryKubectl('get', '--raw', `/apis/${GROUP}/v1/flunders`);
  assert.match(refused.stderr, /the server is currently unable to handle the request/);
});
