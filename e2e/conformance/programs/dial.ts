/**
 * Dials and prints the answers, one a line: `node dial.ts http|tcp|udp HOST[,HOST…] PORT [TIMES]`, each time by a connection of its own. Run in a pod by
 * exec; ends with 1 when an answer is too long in coming.
 */
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

const ANSWER_MS_MAX = 5_000;
const [protocol = 'http', hosts = '127.0.0.1', port = '80', times = '1'] = process.argv.slice(2);

const timer = setTimeout(() => {
  console.error(`no answer from ${hosts}:${port} by ${protocol}`);
  process.exit(1);
}, ANSWER_MS_MAX).unref();

async function dialUdp(host: string): Promise<string> {
  const socket = createSocket('udp4');
  const answer = Promise.withResolvers<string>();
  socket.once('message', (message) => answer.resolve(String(message)));
  socket.send('who are you?', Number(port), host);
  return answer.promise.finally(() => socket.close());
}

async function dialHttp(host: string): Promise<string> {
  const answer = Promise.withResolvers<string>();
  get({ host, port, path: '/', agent: false }, (response) => answer.resolve(text(response))).once('error', answer.reject);
  return answer.promise;
}

const dialers: Readonly<Record<string, (host: string) => Promise<string>>> = {
  http: dialHttp,
  tcp: (host) => text(connect(Number(port), host)),
  udp: dialUdp,
};

for (const host of hosts.split(',')) {
  for (let time = 0; time < Number(times); time++) {
    timer.refresh();
    console.log(await dialers[protocol]?.(host));
  }
}
