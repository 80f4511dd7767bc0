/**
 * A webhook server in the test's process: real HTTPS with a certificate of the test's authority, one handler per path. What it is sent is written down.
 * `await using hooks = await createTestWebhooks(server, { '/deny': () => … })` stops it at the end of the block.
 */
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { valueAt } from './http-client.ts';
import type { TestApiServer } from './test-api-server.ts';

/** Takes the review's `request`; gives what goes into `response` besides the uid. A number is a status code with nothing else. */
export type WebhookHandler = (request: unknown) => object | number | Promise<object | number>;

export interface TestWebhooks extends AsyncDisposable {
  readonly port: number;
  /** For `clientConfig`, by path. */
  config(path: string): { readonly url: string; readonly caBundle: string };
  /** All requests so far, oldest first. */
  readonly requests: readonly { readonly path: string; readonly request: unknown }[];
  /** The same of one path. */
  of(path: string): readonly unknown[];
  /** How many connections were made. */
  connections(): number;
  forget(): void;
  handle(path: string, handler: WebhookHandler): void;
  stop(): Promise<void>;
}

export async function createTestWebhooks(
  server: Pick<TestApiServer, 'ca' | 'serving'>,
  handlers: Readonly<Record<string, WebhookHandler>>,
  names: readonly string[] = [],
): Promise<TestWebhooks> {
  const { certificate, key } = await server.serving(names);
  const byPath = new Map(Object.entries(handlers));
  const requests: { readonly path: string; readonly request: unknown }[] = [];
  let connections = 0;
  const https = createServer({ cert: certificate, key }, async (incoming, outgoing) => {
    const path = (incoming.url ?? '').replace(/\?.*$/, '');
    const review: unknown = JSON.parse(await textOf(incoming));
    const request = valueAt(review, 'request');
    requests.push({ path, request });
    const answer = (await byPath.get(path)?.(request)) ?? 404;
    if (typeof answer === 'number') {
      outgoing.writeHead(answer).end('no');
      return;
    }
    const response = { uid: valueAt(request, 'uid'), ...answer };
    const { apiVersion, kind } = { apiVersion: valueAt(review, 'apiVersion'), kind: valueAt(review, 'kind') };
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ apiVersion, kind, response }));
  });
  https.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  const address = https.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = async () => {
    https.closeAllConnections();
    await new Promise<void>((resolve) => https.close(() => resolve()));
  };
  return {
    port,
    config: (path) => ({ url: `https://127.0.0.1:${port}${path}`, caBundle: Buffer.from(server.ca).toString('base64') }),
    requests,
    of: (path) => requests.filter((one) => one.path === path).map(({ request }) => request),
    connections: () => connections,
    forget: () => requests.splice(0),
    handle: (path, handler) => byPath.set(path, handler),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
