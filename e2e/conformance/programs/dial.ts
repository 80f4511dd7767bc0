/** Dials and prints the answer: `node dial.ts http|tcp|udp HOST PORT`. Run in a pod by `kubectl exec`; ends with 1 when nothing answers in time. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

const ANSWER_MS_MAX = 5_000;
const [protocol = 'http', host = '127.0.0.1', port = '80'] = process.argv.slice(2);

setTimeout(() => {
  console.error(`no answer from ${host}:${port} by ${protocol}`);
  process.exit(1);
}, ANSWER_MS_MAX).unref();

async function dialUdp(): Promise<string> {
  const socket = createSocket('udp4');
  const answer = Promise.withResolvers<string>();
  socket.once('message', (message) => answer.resolve(String(message)));
  socket.send('who are you?', Number(port), host);
  return answer.promise.finally(() => socket.close());
}

const dialers: Readonly<Record<string, () => Promise<string>>> = {
  http: async () => (await fetch(`http://${host}:${port}/`)).text(),
  tcp: () => text(connect(Number(port), host)),
  udp: dialUdp,
};

console.log(await dialers[protocol]?.());
