/**
 * A request whose group version another server answers: goes on with the user's name in headers, under the front proxy's certificate, and whatever comes back goes to the
 * client, watches and upgrades included. Called by `server.ts` before the body is read. What goes wrong on the way is told in plain text, as upstream tells it.
 * Source: k8s.io/kube-aggregator, pkg/apiserver/handler_proxy.go.
 */
import type { Clock } from '#component/clock.ts';
import { type Exchange, forward, UnreachableTarget } from '../forwarding/forward.ts';
import { hostOf } from '../forwarding/forward-target.ts';
import { changeProxiedAnswer } from '../forwarding/proxied-answer.ts';
import type { User } from '../request/user.ts';
import type { AggregatedServer, AggregatedServers } from './aggregated-servers.ts';
import { userHeadersOf } from './user-headers.ts';

export interface ForwardToServerDeps {
  readonly servers: AggregatedServers;
  readonly clock: Clock;
  /** Aborted when the client has gone or the time is over. */
  readonly signal: AbortSignal;
}

/** Throws what the signal was aborted with while nothing is answered yet. */
export async function forwardToServer(
  server: AggregatedServer,
  user: User,
  exchange: Exchange,
  { servers, clock, signal }: ForwardToServerDeps,
): Promise<void> {
  const target = server.isAvailable ? servers.resolve(server) : undefined;
  if (target === undefined) return answerUnavailable(exchange, 'service unavailable');
  const { request } = exchange;
  const { host = '' } = request.headers;
  const place = { origin: `https://${host}`, prefix: '', targetHost: hostOf(target) };
  const came = { 'x-forwarded-uri': (request.url ?? '').split('?')[0], 'x-forwarded-host': host, 'x-forwarded-proto': 'https' };
  try {
    await forward({ ...target, path: request.url ?? '/', setHeaders: { ...came, ...userHeadersOf(user) } }, exchange, {
      signal,
      clock,
      change: (head) => changeProxiedAnswer(head, place),
    });
  } catch (error) {
    if (!(error instanceof UnreachableTarget)) throw error;
    answerUnavailable(exchange, `error trying to reach service: ${error.message}`);
  }
}

function answerUnavailable({ begin, response }: Exchange, text: string): void {
  begin();
  const body = `${text}\n`;
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  };
  response.writeHead(503, headers).end(body);
}
