/**
 * The aggregated server: HTTPS that only the API server may speak to, known by the certificate of its front proxy. It has authenticated the user, and asked its roles, before
 * it passes a request on. GET is all there is to do here.
 */
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import { ApiError, toStatus } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import { aborted } from '#component/shutdown.ts';
import type { MetricsApi } from './metrics-api.ts';

export interface MetricsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  /** PEM of the authority of the front proxy's certificate. */
  readonly frontProxyCa: string;
  /** What that certificate calls the front proxy. */
  readonly frontProxyNames: readonly string[];
}

/** Serves until aborted. `onListening` is told the port. */
export async function runMetricsServer(
  options: MetricsServerOptions,
  { api, log }: { readonly api: MetricsApi; readonly log: Logger },
  signal: AbortSignal,
  onListening: (port: number) => void = () => {},
): Promise<void> {
  const { certificate: cert, key, frontProxyCa: ca, frontProxyNames } = options;
  // The API server's probe shows no certificate of its own choosing; what is refused without one is refused in words.
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, async (request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      throwIfStranger(request.socket, frontProxyNames);
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
      const body = await api(new URL(request.url ?? '/', 'https://metrics'), AbortSignal.any([signal, gone.signal]));
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    } catch (error) {
      const known =
        error instanceof ApiError ? error : new ApiError('InternalError', error instanceof Error ? error.message : String(error));
      if (!(error instanceof ApiError) && !gone.signal.aborted) log.error({ err: error }, 'a request failed');
      response.writeHead(known.code, { 'content-type': 'application/json' }).end(JSON.stringify(toStatus(known)));
    }
  });
  await listen(server, options, onListening);
  await aborted(signal);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function throwIfStranger(socket: unknown, names: readonly string[]): void {
  const name = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
  if (name === undefined || !names.includes(String(name))) throw new ApiError('Unauthorized', 'Unauthorized');
}

async function listen(server: Server, { address, port }: MetricsServerOptions, onListening: (port: number) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  if (typeof bound === 'object' && bound !== null) onListening(bound.port);
}
