/**
 * Forwards connections to ports of a pod. Over SPDY, straight or through a WebSocket, the client opens a pair of streams for each connection, one for its bytes and one
 * for what went wrong; over a plain WebSocket the ports are known beforehand and there is one connection to each. Called by the kubelet's server.
 * Source: upstream's kubelet, pkg/cri/streaming/portforward/{httpstream,websocket}.go.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { closeWebSocket, type WebSocket } from '#component/web-socket.ts';
import { type ChannelProtocol, decodeMessage, encodeMessage } from './channel-protocol.ts';
import { createSpdySession, type SpdyStream } from './spdy-session.ts';
import { parsePort } from './stream-request.ts';

export interface PortForwardDeps {
  /** Opens a connection to a port of the pod, from within it. Rejects with why it could not. */
  dial(port: number): Promise<Socket>;
  /** For messages: `web, uid 1234`. */
  readonly pod: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** SPDY's bytes as the messages of a WebSocket, which is how kubectl has come since 1.31. */
export const TUNNEL_PROTOCOL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`;

/** Upstream's time for the second stream of a pair. */
const PAIR_MS_MAX = 30_000;

interface Pair {
  readonly port: number;
  data: Duplex | undefined;
  error: Duplex | undefined;
  readonly cancel: () => void;
}

/** Resolves when the connection has ended. */
export async function servePortForward(connection: Duplex, deps: PortForwardDeps): Promise<void> {
  const pairs = new Map<string, Pair>();
  const onStream = (stream: SpdyStream): void => {
    const { streamType, port, requestId } = describeStream(stream);
    const pair = pairs.get(requestId) ?? openPair(requestId, port);
    if (pair[streamType] !== undefined) throw new Error(`${streamType} stream already assigned`);
    pair[streamType] = stream.bytes;
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pairs.delete(requestId);
    pair.cancel();
    // The client's half of it says nothing; unread, it would never end.
    error.resume();
    void forward(data, (message) => void error.end(message), port, deps);
  };
  const openPair = (requestId: string, port: number): Pair => {
    const giveUp = (): void => {
      pairs.delete(requestId);
      for (const half of [pair.data, pair.error]) half?.destroy();
    };
    const pair: Pair = { port, data: undefined, error: undefined, cancel: deps.clock.after(PAIR_MS_MAX, giveUp) };
    pairs.set(requestId, pair);
    return pair;
  };
  try {
    await createSpdySession(connection, { role: 'server', onStream, clock: deps.clock }).run();
  } finally {
    for (const { cancel } of pairs.values()) cancel();
  }
}

/** Throws when the stream's headers do not say what it is for: the stream is refused. */
export function describeStream({ id, headers }: Pick<SpdyStream, 'id' | 'headers'>): {
  readonly streamType: 'data' | 'error';
  readonly port: number;
  readonly requestId: string;
} {
  const port = headers.get('port') ?? '';
  if (port === '') throw new Error('"port" header is required');
  const streamType = headers.get('streamtype') ?? '';
  if (streamType !== 'data' && streamType !== 'error') throw new Error(`invalid stream type "${streamType}"`);
  // Clients of long ago do not number their requests; they open the error stream first and the data stream next.
  const requestId = headers.get('requestid') || String(streamType === 'error' ? id : id - 2);
  return { streamType, port: parsePort(port), requestId };
}

/** Joins one connection; says why it failed, or nothing. */
async function forward(client: Duplex, finish: (message: string) => void, port: number, deps: PortForwardDeps): Promise<void> {
  let socket: Socket | undefined;
  try {
    socket = await deps.dial(port);
    await joinStreams(client, socket);
    finish('');
  } catch (error) {
    socket?.destroy();
    // The app, or whoever talks to it, has hung up: that is no failure of ours, and reported it would end the client's other connections.
    const isHangUp = socket !== undefined;
    const why = error instanceof Error ? error.message : String(error);
    if (!isHangUp) deps.log.info({ pod: deps.pod, port, why }, 'a port could not be forwarded');
    finish(isHangUp ? '' : `error forwarding port ${port} to pod ${deps.pod}: ${why}`);
    if (isHangUp) client.destroy();
    // What the client still sends is dropped: left unread it would hold up its other connections.
    else client.resume().end();
  }
}

/** Both ways at once; either may end before the other. */
async function joinStreams(left: Duplex, right: Duplex): Promise<void> {
  await Promise.all([pipeline(left, right), pipeline(right, left)]);
}

/** A pair of channels for each port: the port's number comes first in both, then bytes in one and, if need be, a message in the other. */
export async function servePortForwardChannels(
  webSocket: WebSocket,
  protocol: ChannelProtocol,
  ports: readonly number[],
  deps: PortForwardDeps,
): Promise<void> {
  const clients = ports.map((port, index) => createChannel(webSocket, protocol, index * 2, port));
  webSocket.on('error', () => {});
  webSocket.on('close', () => {
    for (const client of clients) client.destroy();
  });
  webSocket.on('message', (data: Buffer) => {
    const message = decodeMessage(protocol, data);
    const client = message === undefined || message.channel % 2 === 1 ? undefined : clients[message.channel / 2];
    if (message !== undefined && client?.destroyed === false && !client.push(message.bytes)) webSocket.pause();
  });
  await Promise.all(
    clients.map(async (client, index) => {
      const port = ports[index] ?? 0;
      const channel = index * 2 + 1;
      webSocket.send(encodeMessage(protocol, { channel, bytes: portBytes(port) }));
      const finish = (message: string) => {
        if (message !== '') webSocket.send(encodeMessage(protocol, { channel, bytes: Buffer.from(message) }));
      };
      await forward(client, finish, port, deps);
    }),
  );
  await closeWebSocket(webSocket);
}

function createChannel(webSocket: WebSocket, protocol: ChannelProtocol, channel: number, port: number): Duplex {
  const send = (bytes: Buffer, done: (error?: Error) => void) => webSocket.send(encodeMessage(protocol, { channel, bytes }), done);
  send(portBytes(port), () => {});
  const client = new Duplex({
    read: () => webSocket.resume(),
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    // Channels cannot be ended one by one; one whose app is done can only be left.
    final: (done) => {
      client.push(null);
      done();
    },
  });
  return client.on('error', () => {});
}

/** Little endian, as upstream has it. */
function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(port);
  return bytes;
}
