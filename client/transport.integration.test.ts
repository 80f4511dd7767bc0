/** The transport against a plain server on loopback: what happens when answers are late, cut off, refused or not JSON. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { createTransport, type Transport } from './transport.ts';

async function withServer(listener: RequestListener, body: (transport: Transport) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const transport = createTransport({ server: `http://127.0.0.1:${port}`, ca: '', userAgent: 'test/1', token: () => 'secret' });
  try {
    await body(transport);
  } finally {
    await transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a request carries its body as JSON, who sends it and the token', () =>
  withServer(
    async (request, response) => {
      const sent = Buffer.concat(await Array.fromAsync(request)).toString();
      const { 'content-type': type, 'user-agent': agent, authorization } = request.headers;
      response.end(JSON.stringify({ method: request.method, url: request.url, type, agent, authorization, sent }));
    },
    async (transport) => {
      const contentType = 'application/merge-patch+json';
      assert.deepEqual(await transport.request({ method: 'PATCH', path: '/x?y=z', body: { a: 1 }, contentType }), {
        method: 'PATCH',
        url: '/x?y=z',
        type: contentType,
        agent: 'test/1',
        authorization: 'Bearer secret',
        sent: '{"a":1}',
      });
    },
  ));

test('a failed answer is the error that the server sent, with the wait it asked for', () =>
  withServer(
    (_, response) => {
      response
        .writeHead(429, { 'retry-after': '7' })
        .end(JSON.stringify({ kind: 'Status', reason: 'TooManyRequests', message: 'slow down' }));
    },
    async (transport) => {
      await assert.rejects(transport.request({ method: 'GET', path: '/' }), (error) => {
        assert.ok(isReason(error, 'TooManyRequests'));
        assert.deepEqual([error.message, error.details?.retryAfterSeconds], ['slow down', 7]);
        return true;
      });
    },
  ));

test('a server that is not there, or breaks off, is ServiceUnavailable', async () => {
  const transport = createTransport({ server: 'http://127.0.0.1:1', ca: '', userAgent: 'test/1' });
  await assert.rejects(
    transport.request({ method: 'GET', path: '/' }),
    (error) => isReason(error, 'ServiceUnavailable') && error.cause !== undefined,
  );
  await transport.close();
  await withServer(
    (_, response) => {
      response.write('{"half":');
      setImmediate(() => response.destroy());
    },
    async (broken) => {
      await assert.rejects(broken.request({ method: 'GET', path: '/' }), (error) => isReason(error, 'ServiceUnavailable'));
      await assert.rejects(Array.fromAsync(broken.stream('/', new AbortController().signal)), (error) =>
        isReason(error, 'ServiceUnavailable'),
      );
    },
  );
});

test('a stream gives what arrives as it arrives, and an abort ends it at once', () =>
  withServer(
    (_, response) => {
      response.write('one\n');
    },
    async (transport) => {
      const stop = new AbortController();
      const received: string[] = [];
      const reading = (async () => {
        for await (const chunk of transport.stream('/', stop.signal)) {
          received.push(Buffer.from(chunk).toString());
          stop.abort(new Error('enough'));
        }
      })();
      await assert.rejects(reading, /enough/);
      assert.deepEqual(received, ['one\n']);
    },
  ));

test('many streams do not keep requests waiting', () =>
  withServer(
    (request, response) => {
      if (request.url === '/stream') response.write('x');
      else response.end('{}');
    },
    async (transport) => {
      const stop = new AbortController();
      const streams = Array.from({ length: 50 }, () => transport.stream('/stream', stop.signal)[Symbol.asyncIterator]());
      await Promise.all(streams.map((stream) => stream.next()));
      assert.deepEqual(await transport.request({ method: 'GET', path: '/' }), {});
      stop.abort();
      await Promise.all(streams.map((stream) => stream.next().catch(() => undefined)));
    },
  ));
