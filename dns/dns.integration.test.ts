/** Cluster DNS on real sockets of the loopback interface: clients by UDP and TCP, and upstream resolvers that answer, cut, fail and keep silent. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Answer, decode, encode } from 'dns-packet';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { seededRandom } from '#component/random.ts';
import type { Transport } from './answer.ts';
import { createForwarder, type Upstream } from './forward.ts';
import { createResolver } from './resolver.ts';
import { runDnsServer } from './server.ts';
import { createFrameReader, encodeFrame } from './tcp-frames.ts';
import { aClusterView, aService } from './testing/builders.ts';

const LOOPBACK = '127.0.0.1';
const TRUNCATED = 0x0200;

type Behaviour = (transport: Transport) => { readonly answers: readonly Answer[]; readonly flags?: number } | undefined;

const address = (data: string): Answer => ({ type: 'A', name: 'www.example.com', ttl: 300, data });

/** A resolver on loopback; `behave` says what it answers, nothing meaning silence. */
async function startUpstream(t: TestContext, behave: Behaviour): Promise<Upstream> {
  const respond = (query: Buffer, transport: Transport) => {
    const behaviour = behave(transport);
    const { id = 0, questions = [] } = decode(query);
    return behaviour && encode({ type: 'response', id, flags: behaviour.flags ?? 0, questions, answers: [...behaviour.answers] });
  };
  const udp = createSocket('udp4');
  udp.on('message', (message, from) => {
    const response = respond(message, 'udp');
    if (response) udp.send(response, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(0, LOOPBACK, resolve));
  const { port } = udp.address();
  const tcp = createServer((socket) => {
    const read = createFrameReader((message) => {
      const response = respond(message, 'tcp');
      if (response) socket.write(encodeFrame(response));
    });
    socket.on('data', read).on('error', () => {});
  });
  await new Promise<void>((resolve) => tcp.listen(port, LOOPBACK, resolve));
  t.after(() => {
    udp.close();
    tcp.close();
  });
  return { address: LOOPBACK, port };
}

async function startDns(t: TestContext, upstreams: readonly Upstream[]): Promise<number> {
  const cluster = aClusterView([aService('web', { clusterIP: '10.96.0.20' })]);
  const resolver = createResolver({
    zone: { name: 'cluster.local', cluster },
    forwarder: createForwarder({ upstreams, clock: systemClock, random: seededRandom(1) }),
    isReady: () => true,
    registry: createRegistry(),
    log: silentLogger,
  });
  const stop = new AbortController();
  const listening = Promise.withResolvers<number>();
  const deps = { resolver, clock: systemClock, log: silentLogger };
  const running = runDnsServer({ address: LOOPBACK, port: 0 }, deps, stop.signal, listening.resolve);
  t.after(async () => {
    stop.abort();
    await running;
  });
  return listening.promise;
}

async function ask(port: number, name: string, transport: Transport = 'udp') {
  const query = encode({ type: 'query', id: 99, flags: 0x0100, questions: [{ name, type: 'A' }] });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  if (transport === 'udp') {
    const socket = createSocket('udp4').on('message', resolve).on('error', reject);
    socket.send(query, port, LOOPBACK);
    promise.finally(() => socket.close());
  } else {
    const socket = connect(port, LOOPBACK).on('data', createFrameReader(resolve)).on('error', reject);
    // In two pieces, as networks do.
    const bytes = encodeFrame(query);
    socket.write(bytes.subarray(0, 5), () => socket.write(bytes.subarray(5)));
    promise.finally(() => socket.destroy());
  }
  const response = await promise;
  const { answers = [], id, flag_tc: isCut } = decode(response);
  assert.equal(id, 99);
  return { code: response.readUInt16BE(2) & 0x0f, isCut, answers: answers.map((answer) => ('data' in answer ? String(answer.data) : '')) };
}

const known: Behaviour = () => ({ answers: [address('203.0.113.5')] });

test('a Service is found by UDP and by TCP', async (t) => {
  const port = await startDns(t, []);
  for (const transport of ['udp', 'tcp'] as const) {
    assert.deepEqual(await ask(port, 'web.default.svc.cluster.local', transport), { code: 0, isCut: false, answers: ['10.96.0.20'] });
  }
});

test('a foreign name comes from the upstream resolver', async (t) => {
  const port = await startDns(t, [await startUpstream(t, known)]);
  assert.deepEqual(await ask(port, 'www.example.com'), { code: 0, isCut: false, answers: ['203.0.113.5'] });
});

test('an answer that was cut is shown to a UDP client and fetched whole for a TCP client', async (t) => {
  const cut: Behaviour = (transport) => (transport === 'udp' ? { answers: [], flags: TRUNCATED } : { answers: [address('203.0.113.6')] });
  const port = await startDns(t, [await startUpstream(t, cut)]);
  assert.equal((await ask(port, 'www.example.com', 'udp')).isCut, true);
  assert.deepEqual(await ask(port, 'www.example.com', 'tcp'), { code: 0, isCut: false, answers: ['203.0.113.6'] });
});

test('a silent upstream costs its time-out once; then the one that answers is asked first', async (t) => {
  let heard = 0;
  const silent = await startUpstream(t, () => {
    heard += 1;
    return undefined;
  });
  const port = await startDns(t, [silent, await startUpstream(t, known)]);
  assert.equal((await ask(port, 'www.example.com')).code, 0);
  assert.equal((await ask(port, 'www.example.com')).code, 0);
  assert.equal(heard, 1);
});

test('an upstream that fails is passed over for one that does not', async (t) => {
  const failing = await startUpstream(t, () => ({ answers: [], flags: 2 }));
  const port = await startDns(t, [failing, await startUpstream(t, known)]);
  assert.deepEqual(await ask(port, 'www.example.com'), { code: 0, isCut: false, answers: ['203.0.113.5'] });
});

test('with nobody to ask, the answer is a failure', async (t) => {
  const port = await startDns(t, [{ address: LOOPBACK, port: 1 }]);
  assert.equal((await ask(port, 'www.example.com')).code, 2);
  assert.equal((await ask(await startDns(t, []), 'www.example.com')).code, 2);
});
