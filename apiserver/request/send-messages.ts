/**
 * A stream of the pipeline's as messages on a WebSocket: a watch, or a log that is followed. Called by `server.ts` when such a request asks for an upgrade. From the
 * handshake on an error can only end the connection.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import { acceptWebSocket, closeWebSocket } from '#component/web-socket.ts';
import type { Answer } from '../pipeline/answer.ts';
import { agreeOnMessages, webSocketSink } from './web-socket-sink.ts';

export interface MessagesRequest {
  readonly request: IncomingMessage;
  readonly isWatch: boolean;
  /** Gives the bare connection; nothing else may answer from then on. */
  take(): Socket;
}

/** Resolves when the connection is closed. Throws BadRequest for another protocol than WebSocket. */
export async function sendMessages(
  answer: Extract<Answer, { type: 'stream' }>,
  { request, isWatch, take }: MessagesRequest,
  { log, stopping }: { readonly log: Logger; readonly stopping: AbortSignal },
): Promise<void> {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new ApiError('BadRequest', 'a stream can be upgraded to a WebSocket only');
  const { protocol, messages } = agreeOnMessages(request, answer.contentType, isWatch);
  const gone = goneSignal(request);
  const socket = take();
  try {
    const webSocket = await acceptWebSocket(request, socket, protocol);
    // What clients say into a stream is of no interest; that they hang up is.
    webSocket.on('error', () => {}).resume();
    await answer.run(webSocketSink(webSocket, socket, messages), AbortSignal.any([gone, stopping]));
    await closeWebSocket(webSocket);
  } catch (error) {
    log.info({ err: error, path: request.url }, 'a stream of messages broke');
    socket.destroy();
  }
}

/** Aborted when the client's connection closes: one that leaves HTTP has no response whose end would tell. */
export function goneSignal({ socket }: IncomingMessage): AbortSignal {
  const gone = new AbortController();
  socket.once('close', () => gone.abort(new Error('the client has gone')));
  return gone.signal;
}
