/**
 * HTTP to the API server, and the client's only use of undici: HTTP/1.1 with keep-alive over mutual TLS, JSON both ways. Failed answers
 * become the `ApiError` the server sent; a server that cannot be reached becomes `ServiceUnavailable` with the cause. Watches have a pool of
 * their own, because each holds a connection for minutes and must not take one from requests.
 */
import { type Dispatcher, Pool } from 'undici';
import { ApiError } from '#api/meta/status.ts';
import type { ClientOptions } from './client.ts';
import { decodeStatus } from './object-decoder.ts';

/** Requests beyond this many at once wait here rather than as TLS handshakes on the server. */
const REQUEST_CONNECTIONS_MAX = 32;
const CONNECT_MS_MAX = 10_000;
/** The server gives up on a request after 60 s; by then its own answer says more than ours would. */
const ANSWER_MS_MAX = 70_000;
/** Our side drops idle connections before the server does (Node's servers: 72 s under Fastify), so that no request meets a closing one. */
const IDLE_CONNECTION_MS = 55_000;
/** The kernel probes a silent watch connection after this long, then each second ten times: a vanished peer is noticed in 40 s. */
const TCP_KEEP_ALIVE_DELAY_MS = 30_000;
/** A page of a list is far smaller; an answer beyond this would take the process with it. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  /** Of the body; `application/json` if absent. */
  readonly contentType?: string;
}

export interface Transport {
  /** The decoded body of a successful answer. Rejects with `ApiError`. */
  request(request: HttpRequest): Promise<unknown>;
  /** Status and text, whatever the status. */
  getText(path: string): Promise<{ readonly statusCode: number; readonly text: string }>;
  /** The bytes of a streaming answer as they come, until the server ends it or `signal` is aborted (throws its reason). */
  stream(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

export function createTransport(options: ClientOptions): Transport {
  const requests = new Pool(options.server, {
    ...poolOptions(options),
    connections: REQUEST_CONNECTIONS_MAX,
    headersTimeout: ANSWER_MS_MAX,
    bodyTimeout: ANSWER_MS_MAX,
    maxResponseSize: ANSWER_BYTES_MAX,
  });
  // No timeouts here: undici would tick twice a second for them. The kernel finds dead peers, the informer limits a watch's length.
  const watches = new Pool(options.server, { ...poolOptions(options), headersTimeout: 0, bodyTimeout: 0 });

  const send = async (pool: Pool, request: HttpRequest, signal?: AbortSignal): Promise<Dispatcher.ResponseData> => {
    try {
      return await pool.request({
        method: request.method,
        path: request.path,
        headers: headersOf(options, request),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachable(options.server, cause);
    }
  };

  return {
    request: async (request) => {
      const response = await send(requests, request);
      const text = await readText(options.server, response);
      if (response.statusCode >= 300) throw failureOf(response, text);
      return parseJson(text);
    },
    getText: async (path) => {
      const response = await send(requests, { method: 'GET', path });
      return { statusCode: response.statusCode, text: await readText(options.server, response) };
    },
    stream: async function* (path, signal) {
      const response = await send(watches, { method: 'GET', path }, signal);
      if (response.statusCode >= 300) throw failureOf(response, await readText(options.server, response));
      try {
        for await (const chunk of response.body) if (chunk instanceof Uint8Array) yield chunk;
      } catch (cause) {
        signal.throwIfAborted();
        throw unreachable(options.server, cause);
      }
    },
    close: async () => {
      await Promise.all([requests.destroy(), watches.destroy()]);
    },
  };
}

function poolOptions({ ca, certificate, key }: ClientOptions): Pool.Options {
  return {
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
    connect: {
      ca,
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
      timeout: CONNECT_MS_MAX,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_DELAY_MS,
    },
  };
}

function headersOf({ userAgent, token }: ClientOptions, request: HttpRequest): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': userAgent,
    ...(token === undefined ? {} : { authorization: `Bearer ${token()}` }),
    ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
  };
}

async function readText(server: string, response: Dispatcher.ResponseData): Promise<string> {
  try {
    return await response.body.text();
  } catch (cause) {
    throw unreachable(server, cause);
  }
}

function failureOf(response: Dispatcher.ResponseData, text: string): ApiError {
  const retryAfter = Number(response.headers['retry-after']);
  return decodeStatus(response.statusCode, parseLeniently(text), Number.isFinite(retryAfter) ? retryAfter : undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('InternalError', 'the server answered with something that is not JSON', { cause });
  }
}

/** Proxies in between answer failures in plain text. */
function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable(server: string, cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ApiError('ServiceUnavailable', `cannot reach ${server}: ${why}`, { cause });
}
