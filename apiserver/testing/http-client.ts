/** A small HTTPS client for this room's tests, which may not use `client/`: one request, or the frames of a watch, as a given user. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Pem } from './certificates.ts';
import type { TestApiServer } from './test-api-server.ts';

export interface TestRequest {
  readonly method?: string;
  /** Sent as JSON unless it is text already. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The administrator if absent; null for nobody. */
  readonly as?: Pem | null;
  readonly signal?: AbortSignal;
}

export interface TestResponse {
  readonly statusCode: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed body; undefined when it is not JSON. */
  readonly body: unknown;
  /** What is at a path of the body: `metadata.name`, `items.0.spec`; undefined when there is nothing. */
  at(path: string): unknown;
}

export async function send(server: TestApiServer, path: string, options: TestRequest = {}): Promise<TestResponse> {
  const response = await open(server, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString('utf8');
  const body = parse(text);
  return { statusCode: response.statusCode ?? 0, headers: response.headers, bytes, text, body, at: (at) => valueAt(body, at) };
}

/** The frames of a watch, one after the other, until the server ends it or the loop is left. */
export async function* watchFrames(server: TestApiServer, path: string, options: TestRequest = {}): AsyncGenerator<unknown> {
  const response = await open(server, path, options);
  let rest = '';
  try {
    for await (const chunk of response) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield parse(line);
    }
  } finally {
    response.destroy();
  }
}

/** The response as it comes. */
export function open(
  server: TestApiServer,
  path: string,
  { method = 'GET', body, headers = {}, as, signal }: TestRequest,
): Promise<IncomingMessage> {
  const pem = as === undefined ? server.admin : as;
  const payload = body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const framing = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      `${server.url}${path}`,
      {
        method,
        ca: server.ca,
        agent: false,
        headers: { ...framing, ...headers },
        ...(pem === null ? {} : { cert: pem.certificate, key: pem.key }),
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    request.on('error', reject);
    request.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);
}
