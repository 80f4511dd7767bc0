/**
 * The health service of gRPC, in a pod: `node grpc-health.ts <port>` says SERVING to every check, and logs each one. A server of one method needs no
 * library: HTTP/2, a message that is a length and two bytes, and the status in the trailers.
 */
import { createServer, type ServerHttp2Stream } from 'node:http2';

const CHECK = '/grpc.health.v1.Health/Check';
/** Not compressed, two bytes long: field 1 (status) is 1 (SERVING). */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);
const UNIMPLEMENTED = '12';

const [port = 5000] = process.argv.slice(2).map(Number);
const server = createServer();
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  const isCheck = headers[':path'] === CHECK;
  console.log(`${headers[':path']}`);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': isCheck ? '0' : UNIMPLEMENTED }));
  stream.end(isCheck ? SERVING : undefined);
});
server.listen(port, () => console.log(`listens on port ${port}`));
process.once('SIGTERM', () => process.exit(0));
