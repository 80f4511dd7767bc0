/**
 * Requests that want their connection for another protocol (WebSocket, SPDY), in a server of Fastify's. They take the same road as every other request, through the
 * same hooks and the same error handler, because they are given a response of their own; a handler that agrees takes the bare connection from it. What must hold: a
 * connection nobody takes is answered and closed. Used by the API server and the kubelet.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Not imported: an `import` asks a module for everything it exports, and this one then loads a whole HTTP client, 30 ms of every start. */
const http = process.getBuiltinModule('node:http');

export interface Upgrades {
  /** For the server's options: only what we know is an upgrade, everything else is answered as if it had not asked. */
  shouldUpgradeCallback(request: IncomingMessage): boolean;
  /** Called once the server exists. `route` is the server's own router. */
  listen(server: Pick<Server, 'on'>, route: (request: IncomingMessage, response: ServerResponse) => void): void;
  isUpgrade(request: IncomingMessage): boolean;
  /** The connection, with what its client sent already: from here on it is the caller's alone. Throws when the request wants no upgrade. */
  take(request: IncomingMessage): Socket;
}

/** As `Upgrade` names them, in lower case. */
const PROTOCOLS: ReadonlySet<string> = new Set(['websocket', 'spdy/3.1']);

export function createUpgrades(): Upgrades {
  const waiting = new WeakMap<IncomingMessage, () => Socket>();

  function onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): ServerResponse {
    // Node has taken its own listener away; a failure ends in `close`, which everybody hears.
    socket.on('error', () => {});
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    waiting.set(request, () => {
      response.detachSocket(socket);
      if (head.length > 0) socket.unshift(head);
      return socket;
    });
    return response;
  }

  return {
    shouldUpgradeCallback: (request) => PROTOCOLS.has(request.headers.upgrade?.toLowerCase() ?? ''),
    listen: (server, route) => {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (socket instanceof Socket) route(request, onUpgrade(request, socket, head));
        else socket.destroy();
      });
    },
    isUpgrade: (request) => waiting.has(request),
    take: (request) => {
      const take = waiting.get(request);
      if (take === undefined) throw new Error('the request wants no upgrade');
      waiting.delete(request);
      return take();
    },
  };
}
