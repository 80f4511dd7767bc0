/**
 * The load's side of a connection: TLS 1.3 with the client's certificate, one request at a time, through undici's lowest layer, so that making the load costs
 * less than answering it. Bodies are counted or kept, never parsed here.
 */
import { Client, type Dispatcher } from 'undici';

/** Where the server is, and who asks. */
export interface Target {
  readonly server: string;
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface Response {
  readonly statusCode: number;
  readonly bytes: number;
  /** Empty unless it was asked for. */
  readonly text: string;
}

export interface Send {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Keeps the body. */
  readonly wantsText?: boolean;
}

export interface Connection {
  /** Throws for an answer that is no success. */
  send(request: Send): Promise<Response>;
  /** The same, whatever the answer is. */
  ask(request: Send): Promise<Response>;
  /** Hands over the chunks of an answer that goes on; resolves once its head is there. Throws for an answer that is no success. */
  stream(path: string, onChunk: (chunk: Buffer) => void, onEnd: () => void): Promise<void>;
  close(): Promise<void>;
}

/** A LIST of everything may take its time on a busy machine. */
const ANSWER_MS_MAX = 120_000;

export function openConnection(target: Target): Connection {
  const { ca, certificate, key } = target;
  const tls = { ca, minVersion: 'TLSv1.3' as const, ...(certificate && key && { cert: certificate, key }) };
  const client = new Client(target.server, { connect: tls, headersTimeout: ANSWER_MS_MAX, bodyTimeout: 0, pipelining: 1 });
  const authorization = target.token === undefined ? {} : { authorization: `Bearer ${target.token}` };
  const ask = (request: Send) =>
    new Promise<Response>((resolve, reject) => client.dispatch(optionsOf(request, authorization), collector(request, resolve, reject)));
  return {
    ask,
    send: async (request) => {
      const response = await ask(request);
      if (response.statusCode < 300) return response;
      const { text } = await ask({ ...request, wantsText: true });
      throw new Error(`${request.method} ${request.path}: ${response.statusCode} (again: ${text.slice(0, 300)})`);
    },
    stream: (path, onChunk, onEnd) =>
      new Promise((resolve, reject) =>
        client.dispatch(optionsOf({ method: 'GET', path }, authorization), streamHandler({ onChunk, onEnd, resolve, reject })),
      ),
    close: () => client.destroy(),
  };
}

function optionsOf({ method, path, body, contentType = 'application/json' }: Send, authorization: object): Dispatcher.DispatchOptions {
  const headers = {
    ...authorization,
    'user-agent': 'bench',
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': contentType }),
  };
  return { method, path, headers, ...(body === undefined ? {} : { body }) };
}

function collector(
  { wantsText = false }: Send,
  resolve: (response: Response) => void,
  reject: (error: Error) => void,
): Dispatcher.DispatchHandler {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let statusCode = 0;
  return {
    onRequestStart: () => {},
    onResponseStart: (_controller, status) => {
      statusCode = status;
    },
    onResponseData: (_controller, chunk) => {
      bytes += chunk.length;
      if (wantsText) chunks.push(chunk);
    },
    onResponseEnd: () => resolve({ statusCode, bytes, text: wantsText ? Buffer.concat(chunks).toString() : '' }),
    onResponseError: (_controller, error) => reject(error),
  };
}

function streamHandler(to: {
  readonly onChunk: (chunk: Buffer) => void;
  readonly onEnd: () => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => {},
    onResponseStart: (_controller, statusCode) =>
      statusCode < 300 ? to.resolve() : to.reject(new Error(`the watch was refused: ${statusCode}`)),
    onResponseData: (_controller, chunk) => to.onChunk(chunk),
    onResponseEnd: () => to.onEnd(),
    onResponseError: (_controller, error) => {
      to.reject(error);
      to.onEnd();
    },
  };
}
