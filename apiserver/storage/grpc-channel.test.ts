/** The channel against a server that says what the test wants said, frame by frame. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '#component/clock.ts';
import { seededRandom } from '#component/random.ts';
import { createGrpcChannel, GrpcError, grpcStatus } from './grpc-channel.ts';

const OK_TRAILERS = { 'grpc-status': '0' };

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function serve(context: TestContext, handle: Handler, clock: Clock = systemClock) {
  const sessions: ServerHttp2Session[] = [];
  const server = createServer();
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    handle(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const channel = createGrpcChannel({ endpoints: [`http://127.0.0.1:${address.port}`], clock, random: seededRandom(1) });
  context.after(async () => {
    channel.close();
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { channel, sessions };
}

function framed(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  return frame;
}

function answer(stream: ServerHttp2Stream, chunks: readonly Buffer[], trailers: Readonly<Record<string, string>> = OK_TRAILERS): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
}

function hasStatus(status: number, message: RegExp) {
  return (error: unknown) => error instanceof GrpcError && error.status === status && message.test(error.message);
}

test('a call sends its message behind a length and gives the answer without it', async (context) => {
  const received: Buffer[] = [];
  const { channel } = await serve(context, (stream, headers) => {
    assert.equal(headers[':path'], '/service/Method');
    stream.on('data', (chunk) => received.push(Buffer.from(chunk))).on('end', () => answer(stream, [framed('pong')]));
  });
  assert.equal(String(await channel.call('/service/Method', Buffer.from('ping'))), 'pong');
  assert.deepEqual(Buffer.concat(received), framed('ping'));
});

test('a refusal is told with its status and its message decoded', async (context) => {
  const trailers = { 'grpc-status': '11', 'grpc-message': 'etcdserver: 100%25 gone' };
  const { channel } = await serve(context, (stream) => answer(stream, [], trailers));
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.outOfRange, /^etcdserver: 100% gone$/));
});

test('a refusal may come instead of an answer', async (context) => {
  const { channel } = await serve(context, (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '3', 'grpc-message': 'no' }, { endStream: true }),
  );
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.invalidArgument, /^no$/));
});

test('an answer that is cut short is none', async (context) => {
  const { channel } = await serve(context, (stream) => answer(stream, [framed('pong').subarray(0, 7)]));
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.unavailable, /cut short/));
});

test('a connection that breaks fails its calls, and the next call opens another', async (context) => {
  let calls = 0;
  const { channel, sessions } = await serve(context, (stream) => {
    if (++calls === 1) stream.session?.destroy();
    else answer(stream, [framed('again')]);
  });
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.unavailable, /./));
  assert.equal(String(await channel.call('/a/b', Buffer.alloc(0))), 'again');
  assert.equal(sessions.length, 2);
});

test('a server that says goodbye finishes what it has; the next call goes elsewhere', async (context) => {
  const { channel, sessions } = await serve(context, (stream) => {
    if (sessions.length === 1) stream.session?.close();
    answer(stream, [framed('bye')]);
  });
  assert.equal(String(await channel.call('/a/b', Buffer.alloc(0))), 'bye');
  assert.equal(String(await channel.call('/a/b', Buffer.alloc(0))), 'bye');
  assert.equal(sessions.length, 2);
});

test('a call without an answer ends at its deadline', async (context) => {
  const hasty: Clock = { ...systemClock, after: (durationMs, callback) => systemClock.after(Math.min(durationMs, 50), callback) };
  const { channel } = await serve(context, () => {}, hasty);
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.deadlineExceeded, /no answer within/));
});

test('a stream gives its messages whole, however they are cut', async (context) => {
  const bytes = Buffer.concat(['one', '', 'three', 'x'.repeat(100)].map(framed));
  const chunks = Array.from({ length: Math.ceil(bytes.length / 4) }, (_, index) => bytes.subarray(index * 4, index * 4 + 4));
  const { channel } = await serve(context, (stream) => answer(stream, chunks));
  const seen: string[] = [];
  for await (const message of channel.openStream('/a/b').messages()) seen.push(String(message));
  assert.deepEqual(seen, ['one', '', 'three', 'x'.repeat(100)]);
});

test('a stream that is cancelled, or ends with a status, throws', async (context) => {
  const { channel } = await serve(context, (stream, headers) => {
    if (headers[':path'] === '/ends') answer(stream, [framed('last')], { 'grpc-status': '14', 'grpc-message': 'leaving' });
    else stream.respond({ ':status': 200 });
  });
  const drain = async (path: string, cancels: boolean) => {
    const stream = channel.openStream(path);
    if (cancels) setImmediate(stream.cancel);
    for await (const message of stream.messages()) assert.equal(String(message), 'last');
  };
  await assert.rejects(drain('/ends', false), hasStatus(grpcStatus.unavailable, /^leaving$/));
  await assert.rejects(drain('/hangs', true), hasStatus(grpcStatus.unavailable, /./));
});

test('a closed channel calls nobody', async (context) => {
  const { channel } = await serve(context, () => {});
  channel.close();
  await assert.rejects(channel.call('/a/b', Buffer.alloc(0)), hasStatus(grpcStatus.unavailable, /closed/));
});
