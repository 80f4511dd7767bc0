/**
 * Where a forwarded request goes, and what it says of its sender. Pure: made by whoever resolves a pod, a Service, a node or an aggregated server, used by `forward.ts`.
 * Headers between two neighbours on the way (RFC 9110, 7.6.1) stay with them, and a client's own credentials never leave this server.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { RequestOptions } from 'node:https';

export interface ForwardTarget {
  readonly scheme: 'http' | 'https';
  readonly address: string;
  readonly port: number;
  /** Encoded, with its query. */
  readonly path: string;
  /** How the target is called in its own `Host` header; absent: by its address. */
  readonly hostHeader?: string;
  readonly tls: TargetTls;
  /** Said besides: of the user, of where the request came in. */
  readonly setHeaders?: OutgoingHttpHeaders;
}

/** PEM. Without a `ca` the target's certificate is not verified; `system` stands for the authorities that this machine trusts. */
export interface TargetTls {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
}

const BETWEEN_NEIGHBOURS = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** Node answers `expect` itself. */
const OURS = ['host', 'expect', 'authorization', 'proxy-authorization', 'proxy-authenticate'];

const USER_HEADERS = /^(?:x-remote-(?:user|uid|group|extra-.*)|impersonate-(?:user|uid|group|extra-.*))$/;

/** What a target's pages may say about themselves to other origins they may not say in our name. */
const CROSS_ORIGIN = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
];

/** For `node:https`. */
export function tlsOptionsOf({ ca, certificate, key, serverName }: TargetTls): RequestOptions {
  return {
    rejectUnauthorized: ca !== undefined,
    ...(ca === undefined || ca === 'system' ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** The port is not told where the scheme implies it. */
export function hostOf({ scheme, address, port }: Pick<ForwardTarget, 'scheme' | 'address' | 'port'>): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`;
}

export function requestHeaders(request: IncomingMessage, target: ForwardTarget): OutgoingHttpHeaders {
  const headers = endToEnd(request, (name) => !OURS.includes(name) && !USER_HEADERS.test(name));
  const clients = [...(request.headersDistinct['x-forwarded-for'] ?? []), request.socket.remoteAddress ?? ''].filter((one) => one !== '');
  const { upgrade } = request.headers;
  return {
    ...headers,
    host: target.hostHeader ?? hostOf(target),
    'x-forwarded-for': clients.join(', '),
    ...(upgrade === undefined ? {} : { connection: 'Upgrade', upgrade }),
    // A body of unknown length keeps being one.
    ...(request.headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }),
    ...target.setHeaders,
  };
}

export function responseHeaders(response: IncomingMessage): OutgoingHttpHeaders {
  return endToEnd(response, () => true);
}

/** For a pod, a Service or a node, whose pages appear under this server's own name. */
export function withoutCrossOrigin(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CROSS_ORIGIN.includes(name)));
}

function endToEnd(message: IncomingMessage, isKept: (name: string) => boolean): OutgoingHttpHeaders {
  const { connection = '' } = message.headers;
  const nominated = connection.split(',').map((name) => name.trim().toLowerCase());
  const kept = Object.entries(message.headersDistinct).filter(
    ([name]) => !BETWEEN_NEIGHBOURS.includes(name) && !nominated.includes(name) && isKept(name),
  );
  return Object.fromEntries(kept.map(([name, values]) => [name, values?.length === 1 ? values[0] : values]));
}
