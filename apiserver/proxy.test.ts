/** The proxy subresources over the whole server, to servers made here that stand for pods and a kubelet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import { findNodeAddress } from '#component/node-address.ts';
import { splitProxyPath } from './forwarding/proxy-to-target.ts';
import { rewriteUrl } from './forwarding/rewrite-links.ts';
import { parseTargetName } from './pipeline/proxy.ts';
import { open, send, type TestRequest, type TestResponse } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };

/** A pod's address may not be a loopback one. */
const ADDRESS = findNodeAddress() ?? '127.0.0.1';

let server: TestApiServer;
let pod: Server;
let podPort: number;
const seen: IncomingMessage[] = [];

const answers: Readonly<Record<string, RequestListener>> = {
  '/redirect': (_request, response) => void response.writeHead(302, { location: '/there' }).end(),
  '/page': (_request, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end('<p>ü <a href="/x?a=1&amp;b=2">x</a> <img src="rel.png"></p>'),
  '/packed': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(gzipSync('<a href="/x">x</a>')),
  '/open': (_request, response) => void response.writeHead(200, { 'access-control-allow-origin': '*', 'x-mine': 'yes' }).end('open'),
};

const echo: RequestListener = (request, response) => {
  const answer = answers[request.url ?? ''];
  seen.push(request);
  if (answer !== undefined) return answer(request, response);
  response.writeHead(request.url?.startsWith('/teapot') ? 418 : 200, { 'content-type': 'text/plain' });
  response.write(`${request.method} ${request.url}\n`);
  request.pipe(response);
};

async function listen(made: Server, address: string): Promise<number> {
  made.listen(0, address);
  await once(made, 'listening');
  const bound: AddressInfo | string | null = made.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

async function createPod(name: string, podIP: string): Promise<void> {
  const spec = { containers: [{ name: 'main', image: 'x', ports: [{ containerPort: podPort, name: 'http' }] }], nodeName: 'worker-1' };
  const created = await call('POST', `${NAMESPACE}/pods`, { metadata: { name }, spec });
  assert.equal(created.statusCode, 201, created.text);
  await call('PATCH', `${NAMESPACE}/pods/${name}/status`, { status: { podIP, podIPs: [{ ip: podIP }] } }, MERGE);
}

async function createService(name: string, targets: readonly object[]): Promise<void> {
  const ports = [{ name: 'web', port: 80, targetPort: podPort }];
  const created = await call('POST', `${NAMESPACE}/services`, { metadata: { name }, spec: { ports, selector: { app: name } } });
  assert.equal(created.statusCode, 201, created.text);
  const slice = {
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'web', port: podPort, protocol: 'TCP' }],
    endpoints: targets,
  };
  const sliced = await call('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice);
  assert.equal(sliced.statusCode, 201, sliced.text);
}

before(async () => {
  server = await createTestApiServer();
  pod = createServer(echo);
  podPort = await listen(pod, ADDRESS);
  const sockets = new WebSocketServer({ noServer: true });
  pod.on('upgrade', (request, socket, head) => {
    if (request.url === '/refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      webSocket.on('message', (data) => webSocket.send(`you said ${String(data)}`)),
    );
  });
  await createPod('p', ADDRESS);
  const targetRef = { kind: 'Pod', namespace: 'default', name: 'p' };
  await createService('web', [{ addresses: [ADDRESS], conditions: { ready: true }, targetRef }]);
  await createService('idle', [{ addresses: [ADDRESS], conditions: { ready: false }, targetRef }]);
  await createService('elsewhere', [{ addresses: [ADDRESS], conditions: { ready: true } }]);
});
after(async () => {
  pod.close();
  await server.stop();
});

const PROXY = `${NAMESPACE}/pods/p/proxy`;

describe('a pod is reached', () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    test(`with ${method}, its path and its query, encoded as they were`, async () => {
      const answer = await call(method, `${PROXY}/a%2Fb/c?q=%20x&q=2`);
      assert.equal(answer.statusCode, 200, answer.text);
      assert.equal(answer.text, `${method} /a%2Fb/c?q=%20x&q=2\n`);
    });
  }

  test('with HEAD, which has no body', async () => {
    const answer = await call('HEAD', `${PROXY}/page`);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.text, '');
  });

  test('with a body of any type and more bytes than an object may have', async () => {
    const body = 'x'.repeat(4 * 1024 * 1024);
    const answer = await call('POST', `${PROXY}/upload`, body, { headers: { 'content-type': 'image/x-unheard-of' } });
    assert.equal(answer.text.length, body.length + 'POST /upload\n'.length);
  });

  test('and its status and headers come back, but what opens it to other origins', async () => {
    assert.equal((await call('GET', `${PROXY}/teapot`)).statusCode, 418);
    const answer = await call('GET', `${PROXY}/open`);
    assert.equal(answer.headers['x-mine'], 'yes');
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  test('without the credentials of its caller, and told where the request came in', async () => {
    await call('GET', `${PROXY}/headers`, undefined, {
      headers: { authorization: 'Bearer secret', 'x-remote-user': 'root', 'x-mine': '1' },
    });
    const headers = seen.at(-1)?.headers ?? {};
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['x-remote-user'], undefined);
    assert.equal(headers['x-mine'], '1');
    assert.equal(headers['x-forwarded-uri'], `${PROXY}/headers`);
    assert.equal(headers.host, `${ADDRESS}:${podPort}`);
  });

  test('by the port and scheme in its name', async () => {
    assert.equal((await call('GET', `${NAMESPACE}/pods/http:p:${podPort}/proxy/`)).statusCode, 200);
    assert.equal((await call('GET', `${NAMESPACE}/pods/p:${podPort}/proxy/`)).statusCode, 200);
  });

  test('at its root only with a slash, to which others are led', async () => {
    const answer = await call('GET', `${PROXY}?q=1`);
    assert.equal(answer.statusCode, 301);
    assert.equal(answer.headers.location, `${PROXY}/?q=1`);
    assert.equal((await call('POST', `${PROXY}?q=1`)).text, 'POST /?q=1\n');
  });

  test('while it answers: what it writes comes at once', async () => {
    const response = await open(server, `${PROXY}/stream`, {});
    const [chunk] = await once(response, 'data');
    assert.equal(String(chunk), 'GET /stream\n');
    response.destroy();
  });
});

describe('links lead through the proxy', () => {
  test('in redirects', async () => {
    assert.equal((await call('GET', `${PROXY}/redirect`)).headers.location, `${PROXY}/there`);
  });

  test('in pages, of which nothing else changes', async () => {
    const page = await call('GET', `${PROXY}/page`);
    assert.equal(page.text, `<p>ü <a href="${PROXY}/x?a=1&amp;b=2">x</a> <img src="rel.png"></p>`);
  });

  test('in compressed pages', async () => {
    const { gunzipSync } = await import('node:zlib');
    const page = await call('GET', `${PROXY}/packed`);
    assert.equal(gunzipSync(page.bytes).toString(), `<a href="${PROXY}/x">x</a>`);
  });

  const place = { origin: 'https://api', prefix: '/proxy', targetHost: '10.0.0.1:8080' };
  const cases = [
    { it: 'a path from the root', url: '/x/?q#f', becomes: '/proxy/x/?q#f' },
    { it: 'the root', url: '/', becomes: '/proxy/' },
    { it: 'a relative path', url: 'x/y', becomes: 'x/y' },
    { it: 'a fragment', url: '#x', becomes: '#x' },
    { it: 'the target itself', url: 'http://10.0.0.1:8080/x', becomes: 'https://api/proxy/x' },
    { it: 'another server', url: 'https://example.com/x', becomes: 'https://example.com/x' },
    { it: 'another server without a scheme', url: '//example.com/x', becomes: '//example.com/x' },
    { it: 'a script', url: 'javascript:x/y', becomes: 'javascript:x/y' },
    { it: 'what leads there already', url: '/proxy/x', becomes: '/proxy/x' },
    { it: 'nothing', url: '', becomes: '' },
  ];
  for (const { it, url, becomes } of cases)
    test(`rewriteUrl makes ${JSON.stringify(becomes)} of ${it}`, () => assert.equal(rewriteUrl(url, place), becomes));
});

describe('a Service is reached', () => {
  for (const name of ['web:web', 'web:80', 'http:web:80', 'http:web:web', ':web:80']) {
    test(`as ${name}`, async () => assert.equal((await call('GET', `${NAMESPACE}/services/${name}/proxy/x`)).text, 'GET /x\n'));
  }

  const refused = [
    { it: 'no port of that name', name: 'web', says: 'no endpoints available for service "web"' },
    { it: 'no such port', name: 'web:81', says: 'no service port 81 found for service "web"' },
    { it: 'nobody ready', name: 'idle:web', says: 'no endpoints available for service "idle"' },
    { it: 'an endpoint that is no pod’s', name: 'elsewhere:web', says: 'no endpoints available for service "elsewhere"' },
  ];
  for (const { it, name, says } of refused) {
    test(`not with ${it}`, async () => {
      const answer = await call('GET', `${NAMESPACE}/services/${name}/proxy/`);
      assert.equal(answer.statusCode, 503);
      assert.equal(answer.at('message'), says);
      assert.equal(answer.at('reason'), 'ServiceUnavailable');
      assert.equal(answer.headers['retry-after'], undefined);
    });
  }

  test('not when there is none', async () => {
    const answer = await call('GET', `${NAMESPACE}/services/none/proxy/`);
    assert.equal(answer.statusCode, 404);
    assert.equal(answer.at('message'), 'services "none" not found');
  });
});

describe('what cannot be reached is told', () => {
  test('when nobody listens', async () => {
    const answer = await call('GET', `${NAMESPACE}/pods/p:1/proxy/`);
    assert.equal(answer.statusCode, 503);
    assert.equal(answer.at('message'), `error trying to reach service: dial tcp ${ADDRESS}:1: connect: connection refused`);
  });

  test('when the address is this machine’s own', async () => {
    await createPod('loop', '127.0.0.1');
    const answer = await call('GET', `${NAMESPACE}/pods/loop/proxy/`);
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.at('message'), 'address not allowed');
  });

  test('when the name is none', async () => {
    const answer = await call('GET', `${NAMESPACE}/pods/ftp:p:21/proxy/`);
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.at('message'), 'invalid pod request "ftp:p:21"');
  });

  test('when the user may not: each method is a verb of its own', async () => {
    const as = await server.client('jane');
    const answer = await call('POST', `${PROXY}/x`, undefined, { as });
    assert.equal(answer.statusCode, 403);
    assert.match(String(answer.at('message')), /cannot create resource "pods\/proxy"/);
  });
});

describe('a WebSocket passes', () => {
  const connect = (path: string) =>
    new WebSocket(`${server.url.replace('https', 'wss')}${path}`, { ca: server.ca, cert: server.admin.certificate, key: server.admin.key });

  test('to the pod and back', async () => {
    const webSocket = connect(`${PROXY}/ws`);
    await once(webSocket, 'open');
    webSocket.send('hello');
    const [data] = await once(webSocket, 'message');
    assert.equal(String(data), 'you said hello');
    webSocket.close();
    await once(webSocket, 'close');
  });

  test('and a refusal too, as the pod wrote it', async () => {
    const webSocket = connect(`${PROXY}/refuse`);
    const [, response] = await once(webSocket, 'unexpected-response');
    assert.equal(response.statusCode, 403);
    webSocket.on('error', () => {}).terminate();
  });
});

test('a node’s kubelet is asked with this server’s certificate', async (t) => {
  const { certificate, key } = await server.serving(['worker-1']);
  const kubelet = createTlsServer({ cert: certificate, key, ca: server.ca, requestCert: true, rejectUnauthorized: true }, echo);
  t.after(() => kubelet.close());
  const port = await listen(kubelet, '127.0.0.1');
  await call('POST', '/api/v1/nodes', { metadata: { name: 'worker-1' } });
  const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
  await call('PATCH', '/api/v1/nodes/worker-1/status', { status }, MERGE);
  for (const name of ['worker-1', `worker-1:${port}`]) {
    const answer = await call('GET', `/api/v1/nodes/${name}/proxy/pods?x=1`);
    assert.equal(answer.text, 'GET /pods?x=1\n');
  }
});

test('discovery names the proxies and their verbs', async () => {
  const list = await call('GET', '/api/v1');
  const resources: unknown = list.at('resources');
  assert.ok(Array.isArray(resources));
  const found = resources.filter(({ name }) => String(name).endsWith('/proxy')).map(({ name, verbs, kind }) => [name, kind, verbs.join()]);
  const verbs = 'create,delete,get,patch,update';
  assert.deepEqual(found.sort(), [
    ['nodes/proxy', 'NodeProxyOptions', verbs],
    ['pods/proxy', 'PodProxyOptions', verbs],
    ['services/proxy', 'ServiceProxyOptions', verbs],
  ]);
});

test('names say what they can', () => {
  assert.deepEqual(parseTargetName('https:web:'), { scheme: 'https', name: 'web', port: '' });
  for (const text of ['', ':80', 'http::80', 'a:b:c:d']) assert.equal(parseTargetName(text), undefined, text);
});

test('the path behind `proxy` stays as it was sent', () => {
  assert.deepEqual(splitProxyPath('/api/v1/namespaces/proxy/services/proxy/proxy//a%2F?b#c', true), {
    prefix: '/api/v1/namespaces/proxy/services/proxy/proxy',
    path: '//a%2F',
    query: '?b#c',
  });
  assert.deepEqual(splitProxyPath('/api/v1/nodes/n/proxy', false), { prefix: '/api/v1/nodes/n/proxy', path: '', query: '' });
});
