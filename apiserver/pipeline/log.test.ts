/** Logs, from a kubelet that is a small HTTPS server within the test. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { send, type TestResponse } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

const PODS = '/api/v1/namespaces/default/pods';

async function withKubelet(use: (server: TestApiServer, requests: string[]) => Promise<void>): Promise<void> {
  await using server = await createTestApiServer();
  const requests: string[] = [];
  const { certificate, key } = await server.serving(['worker-1']);
  const kubelet = createServer(
    { cert: certificate, key, ca: server.ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const peer = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate().subject.CN : '';
      requests.push(`${String(peer)} ${request.url ?? ''}`);
      if (request.url?.includes('/broken')) return void response.writeHead(400).end('container "broken" in pod "p" is waiting to start');
      response.write('first line\n');
      response.end('second line\n');
    },
  );
  kubelet.listen(0, '127.0.0.1');
  await once(kubelet, 'listening');
  try {
    const address = kubelet.address();
    await createNode(server, typeof address === 'object' && address !== null ? address.port : 0);
    await use(server, requests);
  } finally {
    kubelet.closeAllConnections();
    kubelet.close();
  }
}

async function createNode(server: TestApiServer, port: number): Promise<void> {
  const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
  await send(server, '/api/v1/nodes', { method: 'POST', body: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-1' } } });
  const headers = { 'content-type': 'application/merge-patch+json' };
  const patched = await send(server, '/api/v1/nodes/worker-1/status', { method: 'PATCH', body: { status }, headers });
  assert.equal(patched.statusCode, 200, patched.text);
}

async function createPod(server: TestApiServer, name: string, containers: readonly string[]): Promise<TestResponse> {
  const spec = { containers: containers.map((container) => ({ name: container, image: 'x' })), nodeName: 'worker-1' };
  return send(server, PODS, { method: 'POST', body: { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec } });
}

test('a log is what the kubelet says, asked for with the server’s own certificate', () =>
  withKubelet(async (server, requests) => {
    await createPod(server, 'p', ['main']);
    const answer = await send(server, `${PODS}/p/log?tailLines=10&follow=true`);
    assert.equal(answer.text, 'first line\nsecond line\n');
    assert.deepEqual(requests, ['kube-apiserver-kubelet-client /containerLogs/default/p/main?follow=true&tailLines=10']);
  }));

test('what the kubelet refuses is refused with its words', () =>
  withKubelet(async (server) => {
    await createPod(server, 'p', ['broken']);
    const answer = await send(server, `${PODS}/p/log`);
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.at('message'), 'container "broken" in pod "p" is waiting to start');
  }));

test('of several containers one has to be named', () =>
  withKubelet(async (server) => {
    await createPod(server, 'p', ['a', 'b']);
    const answer = await send(server, `${PODS}/p/log`);
    assert.equal(answer.at('message'), 'a container name must be specified for pod p, choose one of: [a b]');
    const wrong = await send(server, `${PODS}/p/log?container=c`);
    assert.equal(wrong.at('message'), 'container c is not valid for pod p');
  }));
