/**
 * A server for tests: `node serve.ts --http 8080 --udp 8081 --unhealthy-after 10000`. Over HTTP `/port` tells at which port it was asked, `/healthz` its
 * health, which may end after so many milliseconds; everything else is answered with its method and path. Over UDP every packet is answered with the pod's name.
 * Each request is a line of the log, each TCP connection too with `--log-connections`.
 */
import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    http: { type: 'string', multiple: true, default: ['8080'] },
    udp: { type: 'string', multiple: true, default: [] },
    'unhealthy-after': { type: 'string', default: '' },
    'log-connections': { type: 'boolean', default: false },
  },
});
const startedAt = performance.now();
const healthyMs = values['unhealthy-after'] === '' ? Number.POSITIVE_INFINITY : Number(values['unhealthy-after']);
const isHealthy = () => performance.now() - startedAt <= healthyMs;

function answer({ method = 'GET', url = '/', socket }: IncomingMessage): readonly [status: number, text: string] {
  const path = url.split('?')[0] ?? '/';
  if (path === '/port') return [200, String(socket.localPort)];
  if (path === '/healthz') return isHealthy() ? [200, 'ok'] : [500, 'unhealthy'];
  return [200, `${method} ${path}`];
}

for (const port of values.http) {
  const server = createServer((request, response) => {
    console.log(`${request.method} ${request.url}`);
    const [status, text] = answer(request);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  });
  if (values['log-connections']) server.on('connection', () => console.log('connection'));
  server.listen(Number(port), () => console.log(`listens on port ${port}`));
}
for (const port of values.udp) {
  const socket = createSocket('udp4');
  socket.on('message', (_message, { port: from, address }) => socket.send(hostname(), from, address));
  socket.bind(Number(port), () => console.log(`listens on UDP port ${port}`));
}
process.once('SIGTERM', () => process.exit(0));
