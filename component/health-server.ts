/**
 * The small HTTP server every component but the API server has for its owner: `/livez`, `/readyz` (and `/healthz`, upstream's older name for
 * the first) and `/metrics`. Plain HTTP on the address it is given, normally loopback; it answers nothing else.
 */
import type { Registry } from './metrics.ts';
import { aborted } from './shutdown.ts';

/** Not imported: see `http-upgrade.ts`. */
const http = process.getBuiltinModule('node:http');

export interface HealthServerOptions {
  readonly address: string;
  readonly port: number;
  readonly registry: Registry;
  /** Names of the parts that are not ready yet; empty means ready. */
  readonly unready: () => readonly string[];
}

/** Serves until aborted. */
export async function runHealthServer(options: HealthServerOptions, signal: AbortSignal): Promise<void> {
  const server = http.createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://health').pathname;
    if (path === '/livez' || path === '/healthz') return void response.end('ok');
    if (path === '/readyz') {
      const missing = options.unready();
      response.statusCode = missing.length === 0 ? 200 : 503;
      return void response.end(missing.length === 0 ? 'ok' : missing.map((name) => `[-]${name} not ready\n`).join(''));
    }
    if (path === '/metrics') {
      response.setHeader('content-type', options.registry.contentType);
      return void response.end(await options.registry.metrics());
    }
    response.statusCode = 404;
    response.end('404 page not found\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  await aborted(signal);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
