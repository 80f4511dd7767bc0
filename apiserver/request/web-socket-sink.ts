/**
 * A WebSocket as somewhere to put a stream's bytes. Called by `server.ts` for a watch or a log that was asked for with an upgrade. A watch sends one event a message, as text
 * when it is JSON; of logs the client says with its protocol whether it takes bytes as they are or in base64, for browsers that know text alone.
 * Source: k8s.io/apiserver, pkg/endpoints/handlers/watch.go (HandleWS) and apimachinery, pkg/util/httpstream/wsstream.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from '#component/web-socket.ts';
import type { ByteSink } from '../pipeline/answer.ts';

/** The length that stands before a protobuf event on HTTP; a message has its own. */
const FRAME_LENGTH_BYTES = 4;

const BASE64_PROTOCOL = 'base64.binary.k8s.io';
const BINARY_PROTOCOL = 'binary.k8s.io';

/** What one message is made of. */
export type Messages = 'text-events' | 'binary-events' | 'bytes' | 'base64';

export interface AgreedMessages {
  /** Empty when the client offers none that we know. */
  readonly protocol: string;
  readonly messages: Messages;
}

/** Takes what the client offers and what would be sent over HTTP. Pure. */
export function agreeOnMessages(request: Pick<IncomingMessage, 'headers'>, contentType: string, isWatch: boolean): AgreedMessages {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (isWatch)
    return { protocol: offered[0] ?? '', messages: contentType.startsWith('application/json') ? 'text-events' : 'binary-events' };
  const protocol = offered.find((name) => name === BASE64_PROTOCOL || name === BINARY_PROTOCOL) ?? '';
  return { protocol, messages: protocol === BASE64_PROTOCOL ? 'base64' : 'bytes' };
}

export function webSocketSink(webSocket: WebSocket, socket: Socket, messages: Messages): ByteSink {
  return {
    isOfMessages: true,
    write: (chunk) => {
      if (webSocket.readyState !== webSocket.OPEN) return true;
      webSocket.send(payloadOf(chunk, messages), { binary: messages === 'bytes' || messages === 'binary-events' });
      return !socket.writableNeedDrain;
    },
    drained: (signal) =>
      new Promise((resolve) => {
        const done = () => {
          socket.off('drain', done);
          socket.off('close', done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        if (signal.aborted || !socket.writableNeedDrain) return resolve();
        socket.on('drain', done);
        socket.on('close', done);
        signal.addEventListener('abort', done, { once: true });
      }),
  };
}

function payloadOf(chunk: Buffer, messages: Messages): Buffer | string {
  if (messages === 'binary-events') return chunk.subarray(FRAME_LENGTH_BYTES);
  return messages === 'base64' ? chunk.toString('base64') : chunk;
}
