/**
 * Asks the DNS server of the pod's /etc/resolv.conf, over UDP and over TCP: `node resolve.ts A:kubernetes.default SRV:_http._tcp.web …` prints, for each
 * question, `udp|tcp QUESTION ANSWER, ANSWER`, in the words of a zone file. Names are completed by the search list as the C library does it, which Node's
 * own resolver does not.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const ANSWER_MS_MAX = 5_000;
const PORT = 53;
const HEADER_BYTES = 12;
const RECURSION_DESIRED = 0x0100;
const types: Readonly<Record<string, number>> = { A: 1, CNAME: 5, PTR: 12, SRV: 33 };

const lines = readFileSync('/etc/resolv.conf', 'utf8').split('\n');
const wordsOf = (keyword: string) => (lines.find((line) => line.startsWith(keyword)) ?? '').split(/\s+/).slice(1);
const [server = '127.0.0.1'] = wordsOf('nameserver');
const search = wordsOf('search');
const ndots = Number(/ndots:(\d+)/.exec(wordsOf('options').join(' '))?.[1] ?? 1);

/** In the order in which they are tried. */
function candidatesOf(name: string): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const completed = search.map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= ndots ? [name, ...completed] : [...completed, name];
}

function encode(type: string, name: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, types[type] ?? 0, 0, 1])]);
}

/** A name may go on elsewhere in the message. */
function decodeName(message: Buffer, start: number): readonly [name: string, end: number] {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return [labels.join('.'), at + 1];
    if (length >= 0xc0) {
      const [rest] = decodeName(message, message.readUInt16BE(at) & 0x3fff);
      return [[...labels, rest].join('.'), at + 2];
    }
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
}

function decodeData(message: Buffer, type: number, at: number): string {
  if (type === types.A) return `A ${[...message.subarray(at, at + 4)].join('.')}`;
  if (type === types.CNAME) return `CNAME ${decodeName(message, at)[0]}`;
  if (type === types.PTR) return `PTR ${decodeName(message, at)[0]}`;
  if (type === types.SRV) return `SRV ${message.readUInt16BE(at + 4)} ${decodeName(message, at + 6)[0]}`;
  return `type ${type}`;
}

function decode(message: Buffer): readonly string[] {
  let at = decodeName(message, HEADER_BYTES)[1] + 4;
  return Array.from({ length: message.readUInt16BE(6) }, () => {
    const fields = decodeName(message, at)[1];
    const data = fields + 10;
    at = data + message.readUInt16BE(fields + 8);
    return decodeData(message, message.readUInt16BE(fields), data);
  });
}

async function askByUdp(question: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  const answer = Promise.withResolvers<Buffer>();
  socket.once('message', answer.resolve);
  socket.send(question, PORT, server);
  return answer.promise.finally(() => socket.close());
}

/** A message has its length before it. */
async function askByTcp(question: Buffer): Promise<Buffer> {
  const socket = connect(PORT, server);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  socket.write(Buffer.concat([length, question]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break;
  }
  return received.subarray(2);
}

async function resolve(ask: (question: Buffer) => Promise<Buffer>, type: string, name: string): Promise<readonly string[]> {
  for (const candidate of candidatesOf(name)) {
    const answers = decode(await ask(encode(type, candidate)));
    if (answers.length > 0) return answers;
  }
  return [];
}

setTimeout(() => {
  console.error(`no answer from ${server}`);
  process.exit(1);
}, ANSWER_MS_MAX).unref();
for (const [transport, ask] of [
  ['udp', askByUdp],
  ['tcp', askByTcp],
] as const)
  for (const question of process.argv.slice(2)) {
    const [type = 'A', name = ''] = question.split(':');
    console.log(`${transport} ${question} ${(await resolve(ask, type, name)).toSorted().join(', ')}`);
  }
