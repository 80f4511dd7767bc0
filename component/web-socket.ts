/** WebSockets on connections taken from the server: the one file that imports `ws`. Called once a connection is to be a WebSocket, with the subprotocol that was agreed on. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';

export type { WebSocket };

/** kubectl sends 32 KiB at a time; other clients send a file in one piece. A message is held whole. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** `ws` closes with a failure when it is left to itself; clients take any other code for one too. */
export const CLOSE_NORMAL = 1_000;

const server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false, clientTracking: false });
const agreed = new WeakMap<IncomingMessage, string>();
server.on('headers', (lines: string[], request: IncomingMessage) => {
  const protocol = agreed.get(request) ?? '';
  if (protocol !== '') lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
});

/** Resolves with the socket open. A handshake that is none is answered with 400 and the promise rejects. */
export function acceptWebSocket(request: IncomingMessage, socket: Socket, protocol: string): Promise<WebSocket> {
  agreed.set(request, protocol);
  // The name of the tunnel has a slash in it, which the library, in the right, takes for no name at all.
  delete request.headers['sec-websocket-protocol'];
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the client made no WebSocket of the connection')));
    server.handleUpgrade(request, socket, Buffer.alloc(0), resolve);
  });
}

/** The messages' bytes as one stream each way, for a protocol that does not care where a message ends. */
export function streamOfWebSocket(webSocket: WebSocket): Duplex {
  return createWebSocketStream(webSocket);
}

/** Closes in good order: what was sent before is received before. Resolves when the connection is gone. */
export async function closeWebSocket(webSocket: WebSocket): Promise<void> {
  if (webSocket.readyState === webSocket.CLOSED) return;
  await new Promise<void>((resolve) => {
    webSocket.once('close', () => resolve());
    // What the client still sends is of no interest, but its farewell is.
    webSocket.resume();
    webSocket.close(CLOSE_NORMAL);
  });
}
