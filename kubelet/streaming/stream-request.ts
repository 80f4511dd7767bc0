/**
 * A request for a stream into a pod: what it asks for, which container it means, over which protocol. Pure; refusals are `ApiError`s with the kubelet's words, which
 * reach the user through the API server. Source: upstream's pkg/kubelet/{server/server,kubelet_pods}.go and pkg/cri/streaming/remotecommand/httpstream.go.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '#api/meta/status.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import { chooseProtocol, wordsOf } from './channel-protocol.ts';
import type { CommandOptions } from './command-streams.ts';

/** Throws BadRequest. A terminal has one output: standard error is left out rather than refused. */
export function parseCommandOptions(query: URLSearchParams): CommandOptions {
  const hasTerminal = query.get('tty') === '1';
  const options = {
    hasStdin: query.get('input') === '1',
    hasStdout: query.get('output') === '1',
    hasStderr: query.get('error') === '1' && !hasTerminal,
    hasTerminal,
  };
  if (options.hasStdin || options.hasStdout || options.hasStderr) return options;
  throw new ApiError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
}

/** Throws BadRequest. */
export function parseCommand(query: URLSearchParams): readonly string[] {
  const command = query.getAll('command');
  if (command.length === 0) throw new ApiError('BadRequest', 'you must specify at least 1 word of command');
  return command;
}

/** Of a WebSocket the ports are known beforehand. Throws BadRequest. */
export function parsePorts(query: URLSearchParams): readonly number[] {
  const texts = query.getAll('port');
  if (texts.length === 0) throw new ApiError('BadRequest', 'query parameter "port" is required');
  return texts.flatMap((text) => {
    if (text === '') throw new ApiError('BadRequest', 'query parameter "port" cannot be empty');
    return text.split(',').map(parsePort);
  });
}

/** Throws BadRequest. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) throw new ApiError('BadRequest', `unable to parse "${text}" as a port`);
  if (port < 1) throw new ApiError('BadRequest', `port "${text}" must be > 0`);
  return port;
}

/** The attempt that runs. `attempts`: of all containers of the pod, newest last. */
export function findRunning(attempts: readonly RuntimeContainer[], containerName: string): RuntimeContainer {
  const found = attempts.findLast(({ identity, state }) => identity.containerName === containerName && state.phase === 'running');
  if (found !== undefined) return found;
  throw new ApiError('InternalError', `unable to upgrade connection: container not found ("${containerName}")`);
}

/** The protocols of one kind of stream, by what carries it. */
export interface Offers<WebSocketProtocol, SpdyProtocol> {
  readonly webSocket: readonly WebSocketProtocol[];
  readonly spdy: readonly SpdyProtocol[];
}

interface Named {
  readonly name: string;
}

export type Agreement<WebSocketProtocol, SpdyProtocol> =
  | { readonly carrier: 'webSocket'; readonly protocol: WebSocketProtocol }
  | { readonly carrier: 'spdy'; readonly protocol: SpdyProtocol };

/** Throws BadRequest for a request without an upgrade, Forbidden when no protocol is known on both sides. */
export function agreeOnProtocol<W extends Named, S extends Named>(headers: IncomingHttpHeaders, offers: Offers<W, S>): Agreement<W, S> {
  const upgrade = headers.upgrade?.toLowerCase();
  if (upgrade === 'websocket') {
    const wishes = wordsOf(headers['sec-websocket-protocol']);
    const protocol = chooseProtocol(offers.webSocket, wishes);
    if (protocol === undefined) throw notServed(wishes, offers.webSocket);
    return { carrier: 'webSocket', protocol };
  }
  if (upgrade !== 'spdy/3.1') throw new ApiError('BadRequest', 'Upgrade request required');
  const wishes = wordsOf(headers['x-stream-protocol-version']);
  if (wishes.length === 0) throw new ApiError('BadRequest', 'unable to upgrade: X-Stream-Protocol-Version is required');
  const protocol = chooseProtocol(offers.spdy, wishes);
  if (protocol === undefined) throw notServed(wishes, offers.spdy);
  return { carrier: 'spdy', protocol };
}

function notServed(wishes: readonly string[], served: readonly Named[]): ApiError {
  const names = served.map(({ name }) => name).filter((name) => name !== '');
  return new ApiError('Forbidden', `requested protocol(s) are not supported: [${wishes.join(' ')}]; supports [${names.join(' ')}]`);
}
