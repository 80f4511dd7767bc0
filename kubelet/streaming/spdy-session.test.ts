/** Two ends of a SPDY connection in one process: streams both ways, ends, resets, and what a slow reader does. */
import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { encodeFrame, parseFrames } from './spdy-frames.ts';
import { createSpdySession, type SpdySession, type SpdyStream } from './spdy-session.ts';

interface Ends {
  readonly client: SpdySession;
  readonly server: SpdySession;
  /** The streams the server got. */
  readonly received: SpdyStream[];
  /** When both have ended. */
  readonly ended: Promise<unknown>;
}

function connectEnds(onStream: (stream: SpdyStream) => void): Ends {
  const [left, right] = duplexPair();
  const clock = createFakeClock();
  const received: SpdyStream[] = [];
  const client = createSpdySession(left, { role: 'client', clock, onStream: () => assert.fail('a server opens nothing') });
  const server = createSpdySession(right, {
    role: 'server',
    clock,
    onStream: (stream) => {
      received.push(stream);
      onStream(stream);
    },
  });
  return { client, server, received, ended: Promise.all([client.run(), server.run()]) };
}

/** All that comes. (A loop over a stream would destroy it, with what it still has to say, at the end of what it hears.) */
function text(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    stream.on('data', (piece: Buffer) => {
      heard += piece.toString();
    });
    stream.on('end', () => resolve(heard));
    stream.on('error', reject);
  });
}

/** Lets everything else have its turn, which streams within one process do not by themselves. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const named = (name: string) => new Map([['streamtype', name]]);

test('a stream carries its headers and bytes both ways, each half ending by itself', async () => {
  const { client, received, ended } = connectEnds(({ bytes }) => void text(bytes).then((said) => bytes.end(`heard ${said}`)));
  const stream = client.open(named('data'));
  stream.bytes.write('hel');
  stream.bytes.end('lo');
  assert.equal(await text(stream.bytes), 'heard hello');
  assert.deepEqual([...(received[0]?.headers ?? [])], [['streamtype', 'data']]);
  await client.close();
  await ended;
});

test('many streams share the connection', async () => {
  const { client, ended } = connectEnds(({ headers, bytes }) => void bytes.end(headers.get('streamtype')).resume());
  const streams = Array.from({ length: 50 }, (_, index) => client.open(named(`s${index}`)));
  const answers = await Promise.all(streams.map(({ bytes }) => text(bytes.end())));
  assert.deepEqual(
    answers,
    streams.map((_, index) => `s${index}`),
  );
  await client.close();
  await ended;
});

test('a stream that is refused is reset, and the others go on', async () => {
  const { client, ended } = connectEnds(({ headers, bytes }) => {
    if (headers.get('streamtype') === 'bad') throw new Error('no');
    bytes.resume().end('good');
  });
  const bad = client.open(named('bad'));
  await assert.rejects(text(bad.bytes), /reset/);
  assert.equal(await text(client.open(named('fine')).bytes.end()), 'good');
  await client.close();
  await ended;
});

test('a reader that does not read holds the writer up, and one that leaves lets it go', async () => {
  const { client, received, ended } = connectEnds(() => {});
  const stream = client.open(named('data'));
  const chunk = Buffer.alloc(64 * 1024);
  let chunks = 0;
  stream.bytes.on('error', () => {});
  const writing = (async () => {
    for (; !stream.bytes.destroyed; chunks++) {
      await new Promise((resolve) => stream.bytes.write(chunk, resolve));
      await turn();
    }
  })();
  while (received[0]?.bytes.readableLength !== chunk.length) await turn();
  for (let turns = 0; turns < 100; turns++) await turn();
  assert.ok(chunks < 16, `${chunks} chunks went to nobody`);
  received[0]?.bytes.destroy();
  await writing;
  await client.close();
  await ended;
});

test('the end of the connection is the end of every stream', async () => {
  const { client, server, received, ended } = connectEnds(() => {});
  const stream = client.open(named('data'));
  while (received.length === 0) await turn();
  await Promise.all([assert.rejects(text(stream.bytes), /ended/), server.close()]);
  await ended;
});

async function talkTo(onFrames: (connection: Duplex) => void): Promise<readonly string[]> {
  const [left, right] = duplexPair();
  const session = createSpdySession(right, { role: 'server', clock: createFakeClock(), onStream: () => {} });
  const running = session.run().catch(() => {});
  onFrames(left);
  left.end();
  const seen: string[] = [];
  for await (const frame of parseFrames(left.iterator({ destroyOnReturn: false })))
    seen.push(frame.type === 'ping' ? `ping ${frame.id}` : frame.type);
  await running;
  return seen;
}

test('a client’s ping comes back, the answer to one of ours does not', async () => {
  const seen = await talkTo((left) => left.write(Buffer.concat([1, 2, 3].map((id) => encodeFrame({ type: 'ping', id })))));
  assert.deepEqual(seen, ['ping 1', 'ping 3']);
});

test('data and resets of streams that are gone are passed over', async () => {
  const seen = await talkTo((left) => {
    left.write(encodeFrame({ type: 'data', streamId: 41, bytes: Buffer.from('late'), isLast: true }));
    left.write(encodeFrame({ type: 'rstStream', streamId: 43, statusCode: 5 }));
    left.write(encodeFrame({ type: 'ping', id: 5 }));
  });
  assert.deepEqual(seen, ['ping 5']);
});
