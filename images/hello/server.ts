/**
 * The hello application: answers every request with one line that says which pod on which node answered, and in which version.
 * Deployed by `keelson start`, rolled from v1 to v2 in the examples. On SIGTERM it stops listening, lets open requests finish and
 * quits, so that a rolling update loses none.
 */
import { createServer } from 'node:http';

const PORT = 8080;
const podName = process.env.POD_NAME ?? 'nobody';
const nodeName = process.env.NODE_NAME ?? 'nowhere';
const version = process.env.VERSION ?? 'v0';

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(`Hello from ${podName} on ${nodeName} (${version})\n`);
});

server.listen(PORT, () => console.log(`hello ${version} listens on port ${PORT}`));

process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
