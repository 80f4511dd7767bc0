/**
 * The HTTP request of a probe or a hook: where it goes, with which headers, and what comes of it. Certificates are not checked, and a redirect is followed
 * within the same host only, as the documentation says. Called by `prober.ts` and `lifecycle-hooks.ts`.
 * Source: upstream's pkg/probe/http.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Container, HTTPGetAction } from '#api/generated/types.ts';
import { dialReason, resolvePort } from './dial.ts';

/** Upstream reads no more of a page; the rest of it is of no use in an event. */
const PAGE_BYTES_MAX = 10 * 1024;
const REDIRECTS_MAX = 10;

export interface HttpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly statusCode: number;
  readonly body: string;
}

/** `agent` tells the server whether a probe or a hook is asking. Throws when the container has no such port. */
export function httpTargetOf(action: HTTPGetAction, container: Container, podIp: string, agent: 'probe' | 'lifecycle'): HttpTarget {
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const path = action.path?.startsWith('/') === true ? action.path : `/${action.path ?? ''}`;
  const url = new URL(`${scheme}://${action.host || podIp}:${resolvePort(action.port, container)}${path}`);
  const headers: Record<string, string> = { 'user-agent': `kube-${agent}/1.36`, accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  // An empty value of these two asks for none at all.
  const isDropped = ([name, value]: readonly [string, string]) => value === '' && (name === 'accept' || name === 'user-agent');
  return { url, headers: Object.fromEntries(Object.entries(headers).filter((entry) => !isDropped(entry))) };
}

/** Rejects with upstream's words when nothing answers. A redirect to another host is the answer. */
export async function httpGet(target: HttpTarget, signal: AbortSignal): Promise<HttpAnswer> {
  let { url } = target;
  for (let redirects = 0; ; redirects++) {
    const answer = await getOnce(url, target.headers, signal);
    const next = nextLocation(url, answer);
    if (next === undefined) return answer;
    if (redirects >= REDIRECTS_MAX) throw new Error(`Get "${next}": stopped after ${REDIRECTS_MAX} redirects`);
    url = next;
  }
}

interface Answer extends HttpAnswer {
  readonly location: string | undefined;
}

const redirectCodes: readonly number[] = [301, 302, 303, 307, 308];

function nextLocation(from: URL, { statusCode, location }: Answer): URL | undefined {
  if (!redirectCodes.includes(statusCode) || location === undefined) return undefined;
  const next = URL.parse(location, from) ?? undefined;
  return next?.hostname === from.hostname ? next : undefined;
}

function getOnce(url: URL, headers: HttpTarget['headers'], signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new Error(`Get "${url}": ${httpReason(error, url)}`, { cause: error }));
    const options = { headers, signal, rejectUnauthorized: false };
    const onResponse = (response: IncomingMessage) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        pieces.push(chunk.subarray(0, PAGE_BYTES_MAX - bytes));
        bytes += chunk.length;
        if (bytes >= PAGE_BYTES_MAX) response.destroy();
      });
      response.on('close', () => {
        const { statusCode = 0 } = response;
        resolve({ statusCode, body: Buffer.concat(pieces).toString('utf8'), location: response.headers.location });
      });
    };
    const request = url.protocol === 'https:' ? httpsRequest(url, options, onResponse) : httpRequest(url, options, onResponse);
    request.on('error', fail);
    request.end();
  });
}

/** Whether HTTPS was spoken to a server of plain HTTP. */
export function isPlainHttpAnswer(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    cause instanceof Error &&
    'code' in cause &&
    (cause.code === 'EPROTO' || cause.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || cause.code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
  );
}

function httpReason(error: Error, url: URL): string {
  if (isPlainHttpAnswer(new Error('', { cause: error }))) return 'http: server gave HTTP response to HTTPS client';
  const reason = dialReason(error);
  if (reason.startsWith('connect: ')) return `dial tcp ${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}: ${reason}`;
  if (reason === 'context deadline exceeded') return `${reason} (Client.Timeout exceeded while awaiting headers)`;
  return reason === 'read ECONNRESET' || reason === 'socket hang up' ? 'EOF' : reason;
}
