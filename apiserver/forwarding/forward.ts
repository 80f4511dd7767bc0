/**
 * One request handed on to another HTTP server and its answer handed back, both as they come and no faster than the other side takes them; or, when both agree to leave
 * HTTP, their connections joined. Called by `server.ts` for pods, Services, nodes and aggregated servers before the body is read. What must hold: as long as this
 * throws, nothing has been answered. Source: upstream's apimachinery, pkg/util/proxy/upgradeaware.go.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#component/clock.ts';
import { type ForwardTarget, requestHeaders, responseHeaders, tlsOptionsOf } from './forward-target.ts';
import { describeReachError } from './reach-error.ts';

/** How long a target may take until it is connected; upstream's. */
const CONNECT_MS_MAX = 30_000;

/** A target that cannot be reached, or whose answer is none. */
export class UnreachableTarget extends Error {}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client wants to leave HTTP. */
  readonly isUpgrade: boolean;
  /** Called just before the response is begun. */
  begin(): void;
  /** The connection was an upgrade's and the target agrees: takes it and gives back the bare connection. */
  takeConnection(): Duplex;
  /** Joins both until they are closed. */
  join(client: Duplex, target: Duplex): Promise<void>;
}

export interface ForwardOptions {
  /** Aborted when the client has gone or the time is over. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** What the answer's head becomes, and what its body passes through. */
  change?(head: { readonly headers: OutgoingHttpHeaders }): { readonly headers: OutgoingHttpHeaders; readonly body: readonly Duplex[] };
}

type Outcome =
  | { readonly type: 'answered'; readonly answer: IncomingMessage }
  | { readonly type: 'switched'; readonly answer: IncomingMessage; readonly connection: Duplex };

/** Resolves when all is handed back. Throws UnreachableTarget. */
export async function forward(target: ForwardTarget, exchange: Exchange, options: ForwardOptions): Promise<void> {
  const outcome = await send(target, exchange, options);
  exchange.begin();
  if (outcome.type === 'answered') return passBack(outcome.answer, exchange, options);
  const client = exchange.takeConnection();
  client.write(headOf(outcome.answer));
  await exchange.join(client, outcome.connection);
}

function send(target: ForwardTarget, { request: incoming, isUpgrade }: Exchange, { signal, clock }: ForwardOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const outgoing = openRequest(target, incoming, signal);
    const timeout = Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' });
    const cancel = clock.after(CONNECT_MS_MAX, () => outgoing.destroy(timeout));
    outgoing.once('socket', (socket) => socket.once(target.scheme === 'https' ? 'secureConnect' : 'connect', cancel));
    outgoing.once('close', cancel);
    outgoing.on('error', (error) => {
      reject(signal.aborted ? signal.reason : new UnreachableTarget(describeReachError(error, target), { cause: error }));
    });
    outgoing.once('response', (answer) => resolve({ type: 'answered', answer }));
    outgoing.once('upgrade', (answer, connection, head) => {
      if (head.length > 0) connection.unshift(head);
      connection.on('error', () => {});
      resolve({ type: 'switched', answer, connection });
    });
    if (isUpgrade) return void outgoing.end();
    // A client that goes away in the middle aborts the signal; a target that does not want the body answers early.
    incoming.on('error', () => {});
    incoming.pipe(outgoing);
  });
}

function openRequest(target: ForwardTarget, incoming: IncomingMessage, signal: AbortSignal): ClientRequest {
  const { scheme, address, port, path, tls } = target;
  const common = {
    host: address,
    port,
    path,
    method: incoming.method ?? 'GET',
    headers: requestHeaders(incoming, target),
    agent: false,
    signal,
  };
  if (scheme === 'http') return httpRequest(common);
  return httpsRequest({ ...common, ...tlsOptionsOf(tls) });
}

/** Once the head is out, a failure can only break the connection off: a client must not take half an answer for a whole one. */
async function passBack(answer: IncomingMessage, { request, response }: Exchange, { change }: ForwardOptions): Promise<void> {
  const head = { headers: responseHeaders(answer) };
  const { headers, body } = change?.(head) ?? { ...head, body: [] };
  const hasBody = request.method !== 'HEAD' && answer.statusCode !== 204 && answer.statusCode !== 304;
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
  response.flushHeaders();
  try {
    await pipeline([answer, ...(hasBody ? body : []), response]);
  } catch {
    answer.destroy();
    response.destroy();
  }
}

function headOf({ rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1] ?? ''}`] : []));
  return `${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\n`;
}
