/**
 * A web server for pods: `node web-server.ts 80`. `/` answers with the host's name; `/index.html` is a file that a test may move away
 * (`/tmp/index.html`) to make the server unhealthy. The next port gives the host's name to whoever connects, by TCP and by UDP.
 */
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { hostname } from 'node:os';

const PAGE = '/tmp/index.html';
const port = Number(process.argv[2] ?? 80);

writeFileSync(PAGE, 'healthy\n');

createServer((request, response) => {
  if (request.url !== '/index.html') {
    response.end(hostname());
    return;
  }
  try {
    response.end(readFileSync(PAGE));
  } catch {
    response.writeHead(404).end('the page was moved away\n');
  }
}).listen(port, () => console.log(`listens on port ${port}`));

createTcpServer((socket) => socket.on('error', () => {}).end(hostname())).listen(port + 1);

const udp = createSocket('udp4');
udp.on('message', (_, peer) => udp.send(hostname(), peer.port, peer.address));
udp.bind(port + 1);

process.once('SIGTERM', () => process.exit(0));
