/** The sockets of cluster DNS: UDP and TCP on one port. Reads messages, has `resolver.ts` answer them, writes what comes back. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { aborted } from '#component/shutdown.ts';
import type { Resolver } from './resolver.ts';
import { createFrameReader, encodeFrame } from './tcp-frames.ts';

/** A client that keeps a connection open without asking is cut off (RFC 7766 recommends a few seconds). */
const TCP_IDLE_MS_MAX = 10_000;
const TCP_CONNECTIONS_MAX = 500;
/** A client that sends questions without reading answers is cut off. */
const TCP_UNREAD_BYTES_MAX = 1_000_000;

export interface DnsServerOptions {
  readonly address: string;
  readonly port: number;
}

export interface DnsServerDeps {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Serves until aborted; throws when the port cannot be had. `onListening` hears the port, which matters when it was 0. */
export async function runDnsServer(
  options: DnsServerOptions,
  deps: DnsServerDeps,
  signal: AbortSignal,
  onListening: (port: number) => void = () => {},
): Promise<void> {
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serveConnection(socket, deps);
  });
  tcp.maxConnections = TCP_CONNECTIONS_MAX;
  const udp = createSocket('udp4');
  udp.on('message', (message, { address, port }) => void answerDatagram(udp, { message, address, port }, deps));
  try {
    const port = await listen(tcp, options);
    await bind(udp, { ...options, port });
    udp.on('error', (error) => deps.log.warn({ err: error }, 'cannot send an answer'));
    deps.log.info({ address: options.address, port }, 'serving DNS');
    onListening(port);
    await aborted(signal);
  } finally {
    udp.close();
    for (const socket of connections) socket.destroy();
    await new Promise((resolve) => tcp.close(resolve));
  }
}

function listen(server: Server, { address, port }: DnsServerOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, address, () => {
    const bound = server.address();
    resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
  });
  return promise;
}

function bind(socket: UdpSocket, { address, port }: DnsServerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind(port, address, () => {
    socket.off('error', reject);
    resolve();
  });
  return promise;
}

async function answerDatagram(
  socket: UdpSocket,
  query: { readonly message: Buffer; readonly address: string; readonly port: number },
  { resolver, log }: DnsServerDeps,
): Promise<void> {
  try {
    const response = await resolver.answer(query.message, 'udp');
    // The client may be gone, and so may our socket while a forwarded query was on its way.
    if (response !== undefined) socket.send(response, query.port, query.address, () => {});
  } catch (error) {
    log.warn({ err: error }, 'cannot answer a query');
  }
}

function serveConnection(socket: Socket, { resolver, clock, log }: DnsServerDeps): void {
  const drop = () => socket.destroy();
  let cancelIdle = clock.after(TCP_IDLE_MS_MAX, drop);
  const read = createFrameReader((message) => {
    resolver.answer(message, 'tcp').then(
      (response) => {
        if (response === undefined || socket.writableLength > TCP_UNREAD_BYTES_MAX) drop();
        else socket.write(encodeFrame(response));
      },
      (error: unknown) => {
        log.warn({ err: error }, 'cannot answer a query');
        drop();
      },
    );
  });
  socket.on('data', (chunk) => {
    cancelIdle();
    cancelIdle = clock.after(TCP_IDLE_MS_MAX, drop);
    read(chunk);
  });
  socket.on('error', drop);
  socket.on('close', () => cancelIdle());
}
