/** Through the API server to pods and Services: by every method, to every port, over HTTP and HTTPS. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { Answer } from '../framework/cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { untilReady } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { startTlsServer } from '../framework/tls-server.ts';
import { aService } from './network-pods.ts';

const PORTS = [8080, 8082] as const;
const LABELS: Json = { app: 'proxied' };
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const;

async function startProxied(t: TestScope): Promise<void> {
  const specOf = await createProgram(t, 'serve');
  const readinessProbe = { tcpSocket: { port: PORTS[0] }, periodSeconds: 1 };
  const args = PORTS.flatMap((port) => ['--http', String(port)]);
  const ports = PORTS.map((containerPort, index) => ({ name: `dest${index + 1}`, containerPort }));
  const spec = specOf(args, { readinessProbe, ports });
  await t.resource('v1/pods').create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'proxied', labels: LABELS }, spec });
  const servicePorts = PORTS.map((_, index) => ({ name: `portname${index + 1}`, port: 80 + index, targetPort: `dest${index + 1}` }));
  await t.resource('v1/services').create(aService('proxied', { selector: LABELS, ports: servicePorts }));
  await untilReady(t.resource('v1/pods'), 'proxied');
  await eventually('the Service leads to the pod', async () => (await ask(t, '/services/proxied:80/proxy/')).statusCode === 200);
}

function ask(t: TestScope, path: string, method: (typeof METHODS)[number] = 'GET'): Promise<Answer> {
  return t.cluster.send({ method, path: `/api/v1/namespaces/${t.namespace}${path}` });
}

const ROOTS = [`/pods/proxied:${PORTS[0]}/proxy`, '/services/proxied:portname1/proxy'];

async function proxiesMethods(t: TestScope): Promise<void> {
  await startProxied(t);
  for (const root of ROOTS)
    for (const method of METHODS) {
      const { statusCode, headers, text } = await ask(t, `${root}?method=${method}`, method);
      if (method === 'GET' || method === 'HEAD') {
        assert.equal(statusCode, 301, `${method} ${root}`);
        assert.equal(headers.location, `/api/v1/namespaces/${t.namespace}${root}/?method=${method}`);
      } else assert.deepEqual([statusCode, text], [200, `${method} /`], `${method} ${root}`);
    }
}

async function proxiesPaths(t: TestScope): Promise<void> {
  await startProxied(t);
  for (const root of ROOTS)
    for (const method of METHODS) {
      const path = `/some/path/with/${method}`;
      const { statusCode, text } = await ask(t, root + path, method);
      assert.deepEqual([statusCode, text], [200, method === 'HEAD' ? '' : `${method} ${path}`], `${method} ${root}`);
    }
}

const ATTEMPTS = 20;

async function proxiesPorts(t: TestScope): Promise<void> {
  await startProxied(t);
  await startTlsServer(t, 'webhook');
  const [first, second] = PORTS;
  const expected: Readonly<Record<string, string>> = {
    '/services/proxied:portname1/proxy/port': String(first),
    '/services/proxied:portname2/proxy/port': String(second),
    '/services/proxied:81/proxy/port': String(second),
    '/services/http:proxied:portname1/proxy/port': String(first),
    '/services/http:proxied:portname2/proxy/port': String(second),
    [`/pods/proxied:${first}/proxy/port`]: String(first),
    [`/pods/proxied:${second}/proxy/port`]: String(second),
    [`/pods/http:proxied:${second}/proxy/port`]: String(second),
  };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    for (const [path, answer] of Object.entries(expected)) {
      const { statusCode, text } = await ask(t, path);
      assert.deepEqual([statusCode, text], [200, answer], path);
    }
    for (const path of ['/services/https:webhook:8443/proxy/readyz', '/pods/https:webhook:8444/proxy/readyz'])
      assert.equal((await ask(t, path)).statusCode, 200, path);
  }
}

const PREFIX = '[sig-network] Proxy version v1';

export const proxyTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} should proxy through a service and a pod [Conformance]`, run: proxiesPorts },
  { name: `${PREFIX} A set of valid responses are returned for both pod and service Proxy [Conformance]`, run: proxiesMethods },
  { name: `${PREFIX} A set of valid responses are returned for both pod and service ProxyWithPath [Conformance]`, run: proxiesPaths },
];
