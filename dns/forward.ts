/**
 * Asks the world: passes a query on to the resolvers of `/etc/resolv.conf` and brings back the first answer. Queries are relayed as they came,
 * only under a new random id and from a new port, so that an answer is hard to forge. UDP first; TCP when the answer was cut and the client came by
 * TCP itself (a UDP client is shown the cut answer and comes again). `resolver.ts` turns a failure into SERVFAIL.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import { isResponse, isTruncated, questionOf, responseCodes, type Transport } from './answer.ts';
import { createFrameReader, encodeFrame } from './tcp-frames.ts';

/** For one upstream to answer; stub resolvers give up after 5 s, so there is time for a second one. */
const UPSTREAM_MS_MAX = 2_000;
/** Each is an open socket. A client asks again, so what is over this is refused rather than queued. */
const IN_FLIGHT_MAX = 1_000;
/** glibc's limit; more are ignored there too. */
const UPSTREAMS_MAX = 3;

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

export interface Forwarder {
  /** Throws when nobody answers in time, or too many wait already. */
  forward(query: Buffer, transport: Transport): Promise<Buffer>;
}

export interface ForwarderDeps {
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
  readonly random: Random;
}

export function createForwarder(deps: ForwarderDeps): Forwarder {
  let inFlight = 0;
  /** The one that answered last is asked first: a dead first entry must not cost every query its time-out. */
  let preferred = 0;

  async function askAll(query: Buffer, transport: Transport): Promise<Buffer> {
    const failures: unknown[] = [];
    let refusal: Buffer | undefined;
    for (let turn = 0; turn < deps.upstreams.length; turn += 1) {
      const index = (preferred + turn) % deps.upstreams.length;
      const upstream = deps.upstreams[index];
      if (upstream === undefined) break;
      try {
        const response = await exchange(query, transport, upstream, deps);
        if (!isRefusal(response)) {
          preferred = index;
          return response;
        }
        refusal = response;
      } catch (error) {
        failures.push(error);
      }
    }
    if (refusal !== undefined) return refusal;
    throw new AggregateError(failures, 'no upstream resolver answered');
  }

  return {
    forward: async (query, transport) => {
      if (deps.upstreams.length === 0) throw new Error('there is no upstream resolver');
      if (inFlight >= IN_FLIGHT_MAX) throw new Error(`${IN_FLIGHT_MAX} queries are waiting for upstream resolvers`);
      inFlight += 1;
      try {
        return await askAll(query, transport);
      } finally {
        inFlight -= 1;
      }
    },
  };
}

/** Another resolver may do better than one that says it failed or will not serve us. */
function isRefusal(response: Buffer): boolean {
  const code = response.readUInt16BE(2) & 0x0f;
  return code === responseCodes.serverFailure || code === responseCodes.refused;
}

async function exchange(query: Buffer, transport: Transport, upstream: Upstream, deps: ForwarderDeps): Promise<Buffer> {
  const id = Math.floor(deps.random.next() * 0x1_0000);
  const sent = withId(query, id);
  const isAnswer = (message: Buffer) =>
    isResponse(message) && message.readUInt16BE(0) === id && questionOf(message).equals(questionOf(sent));
  let response = await exchangeByUdp(sent, isAnswer, upstream, deps.clock);
  if (transport === 'tcp' && isTruncated(response)) response = await exchangeByTcp(sent, isAnswer, upstream, deps.clock);
  return withId(response, query.readUInt16BE(0));
}

function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

type IsAnswer = (message: Buffer) => boolean;

async function exchangeByUdp(query: Buffer, isAnswer: IsAnswer, upstream: Upstream, clock: Clock): Promise<Buffer> {
  const socket = createSocket(isIPv6(upstream.address) ? 'udp6' : 'udp4');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const cancelTimer = clock.after(UPSTREAM_MS_MAX, () => reject(new Error(`${upstream.address} did not answer in ${UPSTREAM_MS_MAX} ms`)));
  socket.on('error', reject);
  // A message that is not the answer is forged or late; the right one may still come.
  socket.on('message', (message) => isAnswer(message) && resolve(message));
  // Connected, so that the kernel drops what others send, and tells at once when nobody listens there.
  socket.on('connect', () => socket.send(query));
  socket.connect(upstream.port, upstream.address);
  try {
    return await promise;
  } finally {
    cancelTimer();
    socket.close();
  }
}

async function exchangeByTcp(query: Buffer, isAnswer: IsAnswer, upstream: Upstream, clock: Clock): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const cancelTimer = clock.after(UPSTREAM_MS_MAX, () => reject(new Error(`${upstream.address} did not answer in ${UPSTREAM_MS_MAX} ms`)));
  const socket = connect({ host: upstream.address, port: upstream.port });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${upstream.address} closed the connection without an answer`)));
  socket.on(
    'data',
    createFrameReader((message) => isAnswer(message) && resolve(message)),
  );
  socket.write(encodeFrame(query));
  try {
    return await promise;
  } finally {
    cancelTimer();
    socket.destroy();
  }
}

/** The `nameserver` lines of a `resolv.conf`. */
export function parseNameServers(resolvConf: string): readonly string[] {
  return resolvConf
    .split('\n')
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .slice(0, UPSTREAMS_MAX);
}

/** Those that are not this server itself: a query sent there would come back for ever. */
export function upstreamsExceptSelf(nameServers: readonly string[], ownAddresses: readonly string[]): readonly Upstream[] {
  return nameServers.filter((address) => !ownAddresses.includes(address)).map((address) => ({ address, port: 53 }));
}
