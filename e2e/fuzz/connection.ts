/**
 * A connection that sends exactly the bytes it is given, which no HTTP client would, and reads what comes back. One request at a time; opens itself anew when the
 * server has closed it.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Input } from './inputs.ts';

export interface Peer {
  readonly port: number;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Answered {
  readonly statusCode: number;
  readonly head: string;
  readonly body: Buffer;
}

export interface Connection {
  /** Throws when there is no answer in time, or the connection is closed instead of one. */
  exchange(input: Input): Promise<Answered>;
  close(): void;
}

/** Longer than the server waits for a revision that is not there yet. */
const ANSWER_MS_MAX = 15_000;

const HEAD_END = Buffer.from('\r\n\r\n');

export function createConnection(peer: Peer): Connection {
  let socket: TLSSocket | undefined;

  async function open(): Promise<TLSSocket> {
    const { port, ca, certificate, key } = peer;
    const fresh = connect({
      host: '127.0.0.1',
      port,
      ca,
      cert: certificate,
      key,
      servername: 'localhost',
      checkServerIdentity: () => undefined,
    });
    fresh.on('error', () => {});
    await once(fresh, 'secureConnect');
    fresh.setNoDelay(true);
    return fresh;
  }

  function drop(): void {
    socket?.destroy();
    socket = undefined;
  }

  return {
    exchange: async (input) => {
      if (socket === undefined || socket.destroyed || !socket.writable) socket = await open();
      const own = socket;
      own.write(requestBytes(input));
      try {
        const answered = await readAnswer(own, input);
        if (input.isStream || /\nconnection: close/i.test(answered.head) || answered.statusCode === 101) drop();
        return answered;
      } catch (error) {
        drop();
        throw error;
      }
    },
    close: drop,
  };
}

export function requestBytes({ method, path, headers, body }: Input): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = body.length > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH' ? `content-length: ${body.length}\r\n` : '';
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}${length}\r\n`, 'latin1'), body]);
}

function readAnswer(socket: TLSSocket, input: Input): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const finish = (outcome: () => void) => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      outcome();
    };
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answered = parseAnswer(received, input);
      if (answered !== undefined) finish(() => resolve(answered));
    };
    const onClose = () => finish(() => reject(new Error(`the connection was closed after ${received.length} bytes`)));
    const timer = setTimeout(() => finish(() => reject(new Error('no answer in time'))), ANSWER_MS_MAX);
    socket.on('data', onData);
    socket.on('close', onClose);
  });
}

/** Undefined while it is not complete. */
function parseAnswer(received: Buffer, input: Input): Answered | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const statusCode = Number(head.slice(9, 12));
  const rest = received.subarray(headEnd + HEAD_END.length);
  if (statusCode === 100) return parseAnswer(rest, input);
  if (input.method === 'HEAD' || statusCode === 204 || statusCode === 304 || statusCode === 101) return { statusCode, head, body: rest };
  if (/\ntransfer-encoding: chunked/i.test(head)) {
    const isWhole = rest.length >= 5 && rest.toString('latin1', rest.length - 5) === '0\r\n\r\n';
    return isWhole || input.isStream ? { statusCode, head, body: rest } : undefined;
  }
  const length = Number(/\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return rest.length < length ? undefined : { statusCode, head, body: rest.subarray(0, length) };
}
