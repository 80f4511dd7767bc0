/**
 * The client's road to an API server in the same process: the server's hooks and pipeline as over a connection, without the connection. Every component of the
 * in-process cluster has one, with a token of its own.
 */
import { ApiError } from '#api/meta/status.ts';
import { decodeStatus } from '#client/object-decoder.ts';
import type { HttpRequest, Transport } from '#client/transport.ts';
import type { ApiServer, DirectResponse } from '../apiserver/api-server.ts';
import type { Activity } from './activity.ts';

export interface DirectTransportOptions {
  readonly server: () => Pick<ApiServer, 'request'>;
  readonly token: string;
  readonly userAgent: string;
  readonly activity: Activity;
}

export function createDirectTransport({ server, token, userAgent, activity }: DirectTransportOptions): Transport {
  const closed = new AbortController();

  async function send({ method, path, body, contentType = 'application/json' }: HttpRequest): Promise<DirectResponse> {
    closed.signal.throwIfAborted();
    const headers = { accept: 'application/json', authorization: `Bearer ${token}`, 'user-agent': userAgent };
    if (body === undefined) return server().request({ method, path, headers });
    return server().request({ method, path, headers: { ...headers, 'content-type': contentType }, body: JSON.stringify(body) });
  }

  /** The whole answer; the request is under way until then. */
  async function exchange(request: HttpRequest): Promise<{ readonly statusCode: number; readonly text: string }> {
    const end = activity.begin();
    try {
      const { statusCode, body } = await send(request);
      return { statusCode, text: await textOf(body) };
    } catch (cause) {
      throw unreachable(cause);
    } finally {
      end();
    }
  }

  return {
    request: async (request) => {
      const { statusCode, text } = await exchange(request);
      const value: unknown = JSON.parse(text);
      if (statusCode >= 300) throw decodeStatus(statusCode, value);
      return value;
    },
    getText: (path) => exchange({ method: 'GET', path }),
    stream: async function* (path, signal) {
      const opened = activity.begin();
      const response = await send({ method: 'GET', path }).finally(opened);
      if (response.statusCode >= 300) throw decodeStatus(response.statusCode, JSON.parse(await textOf(response.body)));
      const over = AbortSignal.any([signal, closed.signal]);
      over.addEventListener('abort', response.close, { once: true });
      try {
        if (over.aborted) response.close();
        for await (const chunk of response.body) {
          activity.note();
          yield chunk;
        }
      } catch (cause) {
        over.throwIfAborted();
        throw unreachable(cause);
      } finally {
        over.removeEventListener('abort', response.close);
        response.close();
      }
    },
    close: async () => closed.abort(new ApiError('ServiceUnavailable', 'the client is closed')),
  };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function unreachable(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError('ServiceUnavailable', `the server is not there: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}
