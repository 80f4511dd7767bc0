/** Probes over real sockets of this machine: what counts as an answer, and in which words the rest is told. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Probe } from '#api/generated/types.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { createFakeRuntime } from '../runtime/fake-runtime.ts';
import { createProber } from './prober.ts';

const runtime: ContainerRuntime = createFakeRuntime({ clock: createFakeClock() });
const probe = (handler: Probe, timeoutMs = 5_000) => {
  const container = { name: 'web', ports: [{ name: 'http', containerPort: 1 }] };
  return createProber(runtime)(handler, { container, containerId: 'none', podIp: '127.0.0.1' }, timeoutMs, AbortSignal.timeout(timeoutMs));
};

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

async function aPage(t: TestContext, statusCode: number, headers: Record<string, string> = {}): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(statusCode, headers).end('page'));
  return listen(t, server);
}

const pages = [
  { statusCode: 200, result: 'success', message: 'page' },
  { statusCode: 399, result: 'warning', message: 'Probe terminated redirects, Response body: page' },
  { statusCode: 400, result: 'failure', message: 'HTTP probe failed with statuscode: 400' },
  { statusCode: 503, result: 'failure', message: 'HTTP probe failed with statuscode: 503' },
];
for (const { statusCode, result, message } of pages) {
  test(`a page with status ${statusCode} is a ${result}`, async (t) => {
    assert.deepEqual(await probe({ httpGet: { port: await aPage(t, statusCode) } }), { result, message });
  });
}

test('a redirect within the host is followed to where it leads', async (t) => {
  const server = createServer((request, response) =>
    request.url === '/' ? response.writeHead(302, { location: '/sick' }).end() : response.writeHead(500).end(),
  );
  const outcome = await probe({ httpGet: { port: await listen(t, server) } });
  assert.deepEqual(outcome, { result: 'failure', message: 'HTTP probe failed with statuscode: 500' });
});

test('a redirect to another host is not followed, and counts as alive', async (t) => {
  const port = await aPage(t, 302, { location: 'http://0.0.0.0:1/' });
  assert.deepEqual(await probe({ httpGet: { port } }), { result: 'warning', message: 'Probe terminated redirects, Response body: page' });
});

test('a redirect without an end is a failure', async (t) => {
  const outcome = await probe({ httpGet: { port: await aPage(t, 302, { location: '/' }) } });
  assert.match(outcome.message, /stopped after 10 redirects$/);
  assert.equal(outcome.result, 'failure');
});

test('a page is asked for with the probe’s headers, host and agent', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    response.end();
  });
  const port = await listen(t, server);
  await probe({
    httpGet: {
      port,
      host: 'localhost',
      httpHeaders: [
        { name: 'Host', value: 'example.com' },
        { name: 'X-Own', value: 'yes' },
      ],
    },
  });
  const [headers] = seen;
  assert.deepEqual([headers?.host, headers?.['x-own'], headers?.['user-agent']], ['example.com', 'yes', 'kube-probe/1.36']);
});

test('a closed port is a failure in the words people search for', async () => {
  const port = 1;
  assert.deepEqual(await probe({ tcpSocket: { port } }), {
    result: 'failure',
    message: 'dial tcp 127.0.0.1:1: connect: connection refused',
  });
  assert.deepEqual(await probe({ httpGet: { port, path: '/live' } }), {
    result: 'failure',
    message: 'Get "http://127.0.0.1:1/live": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});

test('HTTPS to a server of plain HTTP is a failure that says so', async (t) => {
  const { result, message } = await probe({ httpGet: { port: await aPage(t, 200), scheme: 'HTTPS' } });
  assert.equal(result, 'failure');
  assert.match(message, /http: server gave HTTP response to HTTPS client$/);
});

test('a page that does not come in time is a failure', async (t) => {
  const port = await listen(
    t,
    createServer(() => {}),
  );
  const { result, message } = await probe({ httpGet: { port } }, 50);
  assert.deepEqual(
    [result, message.split(': ').at(-1)],
    ['failure', 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'],
  );
});

test('a port that is a name nobody has is an error, which says nothing about the container', async () => {
  assert.deepEqual(await probe({ httpGet: { port: 'metrics' } }), { result: 'error', message: "couldn't find port: metrics" });
});

test('a port that listens is enough for a TCP probe', async (t) => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  assert.deepEqual(await probe({ tcpSocket: { port: address.port } }), { result: 'success', message: '' });
});

/** Answers every check with these bytes, or with an error. */
async function aHealthService(t: TestContext, answer: Buffer | number): Promise<number> {
  const server = new GrpcServer();
  const pass = (bytes: Buffer) => bytes;
  const method = {
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  const service: ServiceDefinition = { check: { path: '/grpc.health.v1.Health/Check', ...method } };
  server.addService(service, {
    check: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
      typeof answer === 'number' ? done({ code: answer, details: 'unknown service' }) : done(null, answer),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  t.after(() => server.forceShutdown());
  return port;
}

const healths = [
  { it: 'serves', answer: Buffer.from([8, 1]), result: 'success', message: 'service healthy' },
  { it: 'does not serve', answer: Buffer.from([8, 2]), result: 'failure', message: 'service unhealthy (responded with "NOT_SERVING")' },
  {
    it: 'is not known',
    answer: status.NOT_FOUND,
    result: 'failure',
    message: 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service',
  },
];
for (const { it, answer, result, message } of healths) {
  test(`a gRPC service that ${it} is a ${result}`, async (t) => {
    assert.deepEqual(await probe({ grpc: { port: await aHealthService(t, answer) } }), { result, message });
  });
}

test('a gRPC server that is not there is waited for until the time is up', async () => {
  const message = 'timeout: failed to connect service "127.0.0.1:1" within 0.2s: context deadline exceeded';
  assert.deepEqual(await probe({ grpc: { port: 1 } }, 200), { result: 'failure', message });
});
