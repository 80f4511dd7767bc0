/** Watches and logs over WebSockets, over the whole server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { agreeOnMessages } from './request/web-socket-sink.ts';
import { send, valueAt } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** Every message of a WebSocket, from the first on. */
function connect(path: string, protocols: readonly string[] = [], headers: Readonly<Record<string, string>> = {}) {
  const tls = { ca: server.ca, cert: server.admin.certificate, key: server.admin.key };
  const webSocket = new WebSocket(`${server.url.replace('https', 'wss')}${path}`, [...protocols], { ...tls, headers });
  const messages: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  webSocket.on('message', (data, isBinary) => {
    const message = { data: Buffer.isBuffer(data) ? data : Buffer.alloc(0), isBinary };
    const next = waiting.shift();
    if (next === undefined) messages.push(message);
    else next(message);
  });
  const next = (): Promise<Message> => {
    const message = messages.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
  return { webSocket, next };
}

const create = async (name: string) => {
  const made = await send(server, CONFIG_MAPS, { method: 'POST', body: { metadata: { name }, data: { text: 'line\nline' } } });
  assert.equal(made.statusCode, 201, made.text);
};

test('a watch sends one event a message, as text', async () => {
  await create('a');
  await create('b');
  const { webSocket, next } = connect(`${CONFIG_MAPS}?watch=true`);
  const names: unknown[] = [];
  for (let count = 0; count < 2; count++) {
    const { data, isBinary } = await next();
    assert.equal(isBinary, false);
    const event: unknown = JSON.parse(data.toString());
    names.push(`${String(valueAt(event, 'type'))} ${String(valueAt(event, 'object.metadata.name'))}`);
  }
  assert.deepEqual(names, ['ADDED a', 'ADDED b']);
  await create('c');
  assert.equal(valueAt(JSON.parse((await next()).data.toString()), 'object.metadata.name'), 'c');
  webSocket.close();
  await once(webSocket, 'close');
});

test('a watch of tables, of metadata and of too old a version goes over a WebSocket as well', async () => {
  const table = connect(`${CONFIG_MAPS}?watch=true`, [], { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  assert.equal(valueAt(JSON.parse((await table.next()).data.toString()), 'object.kind'), 'Table');
  table.webSocket.terminate();
  const expired = connect(`${CONFIG_MAPS}?watch=true&resourceVersion=1`);
  const event: unknown = JSON.parse((await expired.next()).data.toString());
  if (valueAt(event, 'type') === 'ERROR') {
    assert.equal(valueAt(event, 'object.reason'), 'Expired');
    const [code] = await once(expired.webSocket, 'close');
    assert.equal(code, 1_000);
  }
  expired.webSocket.terminate();
});

test('a watch ends with its time, in good order', async () => {
  const { webSocket } = connect(`${CONFIG_MAPS}?watch=true&timeoutSeconds=1`);
  const [code] = await once(webSocket, 'close');
  assert.equal(code, 1_000);
});

test('a watch in protobuf is of binary messages without a length', async () => {
  const accept = 'application/vnd.kubernetes.protobuf;stream=watch';
  const { webSocket, next } = connect(`${CONFIG_MAPS}?watch=true`, [], { accept });
  const { data, isBinary } = await next();
  assert.equal(isBinary, true);
  // The event's type is field 1, of five bytes.
  assert.equal(data.subarray(0, 7).toString('latin1'), '\n\x05ADDED');
  webSocket.terminate();
});

test('the only protocol that is offered is agreed to', async () => {
  const { webSocket, next } = connect(`${CONFIG_MAPS}?watch=true`, ['base64.binary.k8s.io']);
  const { isBinary } = await next();
  assert.equal(isBinary, false);
  assert.equal(webSocket.protocol, 'base64.binary.k8s.io');
  webSocket.terminate();
});

test('what is refused is refused over HTTP', async () => {
  const { webSocket } = connect('/apis/example.com/v1/things?watch=true');
  const [, response] = await once(webSocket, 'unexpected-response');
  assert.equal(response.statusCode, 404);
  webSocket.on('error', () => {}).terminate();
});

test('a client that does not read is waited for, and gets everything in the end', async () => {
  const { webSocket, next } = connect(`${CONFIG_MAPS}?watch=true&fieldSelector=metadata.name=big`);
  await once(webSocket, 'open');
  webSocket.pause();
  const body = (index: number) => ({ metadata: { name: 'big' }, data: { index: String(index), text: 'x'.repeat(500_000) } });
  await send(server, CONFIG_MAPS, { method: 'POST', body: body(0) });
  const last = 20;
  for (let index = 1; index <= last; index++) await send(server, `${CONFIG_MAPS}/big`, { method: 'PUT', body: body(index) });
  webSocket.resume();
  for (let index = 0; index <= last; index++) {
    assert.equal(valueAt(JSON.parse((await next()).data.toString()), 'object.data.index'), String(index));
  }
  webSocket.terminate();
});

test('a log comes in binary messages, or in base64 for who asks', async (t) => {
  const { certificate, key } = await server.serving(['worker-1']);
  const kubelet = createServer({ cert: certificate, key }, (_request, response) => void response.end('first line\n'));
  kubelet.listen(0, '127.0.0.1');
  await once(kubelet, 'listening');
  t.after(() => kubelet.close());
  const bound = kubelet.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
  await send(server, '/api/v1/nodes', { method: 'POST', body: { metadata: { name: 'worker-1' } } });
  await send(server, '/api/v1/nodes/worker-1/status', {
    method: 'PATCH',
    body: { status },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  const spec = { containers: [{ name: 'main', image: 'x' }], nodeName: 'worker-1' };
  await send(server, '/api/v1/namespaces/default/pods', { method: 'POST', body: { metadata: { name: 'p' }, spec } });
  for (const { protocols, text, isText } of [
    { protocols: [], text: 'first line\n', isText: false },
    { protocols: ['binary.k8s.io'], text: 'first line\n', isText: false },
    { protocols: ['base64.binary.k8s.io', 'binary.k8s.io'], text: Buffer.from('first line\n').toString('base64'), isText: true },
  ]) {
    const { webSocket, next } = connect('/api/v1/namespaces/default/pods/p/log?follow=true', protocols);
    const { data, isBinary } = await next();
    assert.equal(data.toString(), text);
    assert.equal(isBinary, !isText);
    assert.equal(webSocket.protocol, protocols[0] ?? '');
    await once(webSocket, 'close');
  }
});

test('messages are what the client understands', () => {
  const offering = (text: string) => ({ headers: { 'sec-websocket-protocol': text } });
  assert.deepEqual(agreeOnMessages({ headers: {} }, 'application/json', true), { protocol: '', messages: 'text-events' });
  assert.deepEqual(agreeOnMessages(offering('chat'), 'text/plain', false), { protocol: '', messages: 'bytes' });
  assert.deepEqual(agreeOnMessages(offering('x, base64.binary.k8s.io'), 'text/plain', false), {
    protocol: 'base64.binary.k8s.io',
    messages: 'base64',
  });
});
