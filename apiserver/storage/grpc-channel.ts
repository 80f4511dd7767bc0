/**
 * gRPC as far as etcd's API needs it, on node:http2: calls with one request and one answer, and streams. A channel is one connection, opened when it is needed and
 * opened anew, after a pause that grows, when it is lost; calls of one turn of the event loop leave in one write. It knows nothing of what is said. Why not
 * the stack below etcd3: it costs three times the CPU for each call, which was half of all the API server spent on a write (docs/benchmarks.md).
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';

/** No call waits longer for its answer. */
const CALL_MS_MAX = 5_000;
const CONNECT_MS_MAX = 5_000;
/** Find a dead connection within 15 s. etcd refuses clients that ping more often than every 5 s, or while nothing is asked. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_ANSWER_MS_MAX = 5_000;
/** Short, so that an etcd that comes back is found at once. */
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1_000;
/** How much etcd may send ahead: of one answer, and of all of them. HTTP/2's own 64 KiB would make a list wait for a round trip each. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Node's own limit of 10 MB is for servers: what is under way here is bounded by the requests that the API server takes in. */
const SESSION_MEGABYTES_MAX = 1_024;

/** Before each message: whether it is compressed, which none is, and its length. */
const PREFIX_BYTES = 5;

/** The statuses that mean something to a caller. */
export const grpcStatus = { ok: 0, invalidArgument: 3, deadlineExceeded: 4, outOfRange: 11, unavailable: 14 } as const;

export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export interface GrpcStream {
  send(message: Buffer): void;
  /** Reads no faster than the consumer takes. Throws GrpcError when the connection or the stream fails. */
  messages(): AsyncIterable<Buffer>;
  cancel(): void;
}

/** Every failure is a GrpcError. A call that was sent may have been carried out even if it fails with `unavailable`. */
export interface GrpcChannel {
  /** While the connection is lost, waits for the next attempt to open it. */
  call(path: string, message: Buffer): Promise<Buffer>;
  /** Does not wait: whoever streams has pauses of its own. */
  openStream(path: string): GrpcStream;
  close(): void;
}

export interface GrpcChannelOptions {
  /** `https://etcd:2379`; the next one is tried when one cannot be reached. */
  readonly endpoints: readonly string[];
  /** PEM. Without them the connection is not encrypted. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly clock: Clock;
  readonly random: Random;
}

interface Connection {
  readonly session: ClientHttp2Session;
  request(path: string): ClientHttp2Stream;
  /** Asks whether it is still there, and destroys it if it does not say. */
  probe(): void;
}

export function createGrpcChannel(options: GrpcChannelOptions): GrpcChannel {
  const { clock, random, endpoints } = options;
  let connection: Connection | undefined;
  let failures = 0;
  let notBefore = Number.NEGATIVE_INFINITY;
  const closed = new AbortController();

  function current(): Connection {
    if (connection !== undefined && !connection.session.closed && !connection.session.destroyed) return connection;
    if (closed.signal.aborted) throw new GrpcError(grpcStatus.unavailable, 'the connection is closed');
    connection = openConnection(endpoints[failures % endpoints.length] ?? '', options, {
      onConnected: () => {
        failures = 0;
      },
      onFailed: () => {
        notBefore = clock.monotonic() + reconnectDelayMs(failures++, random.next());
      },
    });
    return connection;
  }

  return {
    call: async (path, message) => {
      const pauseMs = notBefore - clock.monotonic();
      if (pauseMs > 0) await clock.sleep(pauseMs, closed.signal).catch(() => {});
      const over = current();
      return await answerOf(over.request(path), message, clock, over.probe);
    },
    openStream: (path) => streamOver(current().request(path)),
    close: () => {
      closed.abort();
      connection?.session.destroy();
    },
  };
}

interface ConnectionFate {
  onConnected(): void;
  /** It could not be opened. */
  onFailed(): void;
}

function openConnection(endpoint: string, options: GrpcChannelOptions, fate: ConnectionFate): Connection {
  const { clock } = options;
  const session = connectTo(endpoint, options);
  let isConnected = false;
  let openStreams = 0;
  let cancelTimer = clock.after(CONNECT_MS_MAX, () => session.destroy(new Error(`${endpoint} does not answer`)));

  function waitToProbe(): void {
    cancelTimer();
    // A connection over which nothing is asked is left alone, as etcd wants it.
    cancelTimer = clock.after(KEEPALIVE_MS, () => (openStreams > 0 ? probe() : waitToProbe()));
  }

  function probe(): void {
    if (session.destroyed || !isConnected) return;
    cancelTimer();
    cancelTimer = clock.after(KEEPALIVE_ANSWER_MS_MAX, () => session.destroy(new Error(`${endpoint} does not answer any more`)));
    session.ping((error) => error === null && waitToProbe());
  }

  session.once('remoteSettings', () => {
    isConnected = true;
    fate.onConnected();
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    waitToProbe();
  });
  // Those who wait for an answer hear of it.
  session.on('error', () => {});
  session.once('close', () => {
    cancelTimer();
    if (!isConnected) fate.onFailed();
  });
  return {
    session,
    probe,
    request: (path) => {
      const stream = session.request(headersFor(path), { endStream: false });
      openStreams++;
      stream.once('close', () => openStreams--);
      return stream;
    },
  };
}

function connectTo(endpoint: string, { ca, cert, key }: GrpcChannelOptions): ClientHttp2Session {
  return connect(endpoint, {
    ...(ca && { ca, ...(cert && key && { cert, key }) }),
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    maxSessionMemory: SESSION_MEGABYTES_MAX,
  });
}

/** As an array of names and values, which Node sends as they are. */
function headersFor(path: string): readonly string[] {
  return [':method', 'POST', ':path', path, 'te', 'trailers', 'content-type', 'application/grpc'];
}

/** How a stream ended, from what came before its body and what came behind. */
interface Ending {
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  error: unknown;
}

function endingOf(stream: ClientHttp2Stream): Ending {
  const ending: Ending = { headers: {}, trailers: {}, error: undefined };
  stream.once('response', (headers) => {
    ending.headers = headers;
  });
  stream.once('trailers', (trailers) => {
    ending.trailers = trailers;
  });
  stream.on('error', (error) => {
    ending.error = error;
  });
  return ending;
}

function answerOf(stream: ClientHttp2Stream, message: Buffer, clock: Clock, probe: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const ending = endingOf(stream);
    const chunks: Buffer[] = [];
    const cancelTimer = clock.after(CALL_MS_MAX, () => {
      ending.error = new GrpcError(grpcStatus.deadlineExceeded, `no answer within ${CALL_MS_MAX} ms`);
      probe();
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('close', () => {
      cancelTimer();
      const answer = findMessage(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      const problem = problemOf(ending);
      if (problem !== undefined) reject(problem);
      else if (answer === undefined) reject(new GrpcError(grpcStatus.unavailable, 'the answer is cut short'));
      else resolve(answer);
    });
    stream.end(withPrefix(message));
  });
}

function streamOver(stream: ClientHttp2Stream): GrpcStream {
  const ending = endingOf(stream);
  return {
    send: (message) => stream.write(withPrefix(message)),
    messages: () => messagesOf(stream, ending),
    cancel: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}

async function* messagesOf(stream: ClientHttp2Stream, ending: Ending): AsyncGenerator<Buffer, void, undefined> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let needed = PREFIX_BYTES;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.length;
      while (bytes >= needed) {
        const joined = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes);
        const end = PREFIX_BYTES + joined.readUInt32BE(1);
        if (bytes >= end) yield joined.subarray(PREFIX_BYTES, end);
        const rest = bytes >= end ? joined.subarray(end) : joined;
        chunks = [rest];
        bytes = rest.length;
        needed = bytes < PREFIX_BYTES ? PREFIX_BYTES : PREFIX_BYTES + rest.readUInt32BE(1);
      }
    }
  } catch (error) {
    throw problemOf(ending) ?? unavailable(error);
  }
  const problem = problemOf(ending);
  if (problem !== undefined) throw problem;
}

function withPrefix(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, PREFIX_BYTES);
  return framed;
}

/** The one message of an answer; undefined for anything else. */
function findMessage(framed: Buffer): Buffer | undefined {
  if (framed.length < PREFIX_BYTES || framed.length !== PREFIX_BYTES + framed.readUInt32BE(1)) return undefined;
  return framed.subarray(PREFIX_BYTES);
}

/** Undefined for a call that went well. */
function problemOf({ headers, trailers, error }: Ending): GrpcError | undefined {
  if (error instanceof GrpcError) return error;
  const status = trailers['grpc-status'] ?? headers['grpc-status'];
  if (status === '0') return undefined;
  if (status === undefined) return unavailable(error ?? new Error('the connection was lost'));
  return new GrpcError(Number(status), textOf(trailers['grpc-message'] ?? headers['grpc-message']));
}

function unavailable(cause: unknown): GrpcError {
  return new GrpcError(grpcStatus.unavailable, cause instanceof Error ? cause.message : String(cause), { cause });
}

/** Percent-encoded where it is not plain text; what is badly encoded stays as it is. */
function textOf(message: string | readonly string[] = ''): string {
  try {
    return decodeURIComponent(String(message));
  } catch {
    return String(message);
  }
}

function reconnectDelayMs(failures: number, random: number): number {
  return Math.min(RECONNECT_MS_MIN * 2 ** Math.min(failures, 10), RECONNECT_MS_MAX) * (0.5 + random / 2);
}
