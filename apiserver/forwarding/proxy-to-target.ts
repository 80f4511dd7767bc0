/**
 * The `proxy` subresource, once it is known what it leads to: the part of the path behind `proxy` is asked of the target, and its answer made to work at that place.
 * Called by `server.ts`. Source: upstream's apimachinery, pkg/util/proxy.
 */
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { goneSignal } from '../request/send-messages.ts';
import { type Exchange, forward, UnreachableTarget } from './forward.ts';
import { type ForwardTarget, hostOf } from './forward-target.ts';
import { changeProxiedAnswer } from './proxied-answer.ts';

interface ProxyDeps {
  readonly clock: Clock;
  /** Aborted when the client has gone. */
  readonly connection: AbortSignal;
  readonly stopping: AbortSignal;
  /** What is proxied is in a namespace, which is in the path. */
  readonly isNamespaced: boolean;
}

export interface ProxyPath {
  /** Up to and with `proxy`. */
  readonly prefix: string;
  /** The target's own; empty when nothing follows, not even a slash. */
  readonly path: string;
  /** With its question mark. */
  readonly query: string;
}

/** Throws ServiceUnavailable while the request can still be answered. */
export async function proxyToTarget(target: Omit<ForwardTarget, 'path'>, exchange: Exchange, deps: ProxyDeps): Promise<void> {
  const { request, isUpgrade } = exchange;
  const { prefix, path, query } = splitProxyPath(request.url ?? '', deps.isNamespaced);
  // Relative links of a page at `proxy` would lead nowhere; at `proxy/` they lead to the target.
  if (path === '' && !isUpgrade && (request.method === 'GET' || request.method === 'HEAD')) return redirect(exchange, `${prefix}/${query}`);
  const { host = '' } = request.headers;
  const setHeaders = { 'x-forwarded-uri': `${prefix}${path}`, 'x-forwarded-host': host, 'x-forwarded-proto': 'https' };
  const place = { origin: `https://${host}`, prefix, targetHost: hostOf(target) };
  try {
    await forward({ ...target, path: `${path || '/'}${query}`, setHeaders }, exchange, {
      signal: AbortSignal.any([isUpgrade ? goneSignal(request) : deps.connection, deps.stopping]),
      clock: deps.clock,
      change: (head) => changeProxiedAnswer(head, place),
    });
  } catch (error) {
    if (!(error instanceof UnreachableTarget)) throw error;
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${error.message}`, { cause: error });
  }
}

/** Takes the path as it was sent, encoded; what is behind `proxy`, the fifth part or in a namespace the seventh, is the target's and stays as it is. Pure. */
export function splitProxyPath(url: string, isNamespaced: boolean): ProxyPath {
  const pattern = isNamespaced ? /^((?:\/+[^/?]+){7})(\/[^?]*)?(\?[\s\S]*)?$/ : /^((?:\/+[^/?]+){5})(\/[^?]*)?(\?[\s\S]*)?$/;
  const [, prefix = '', path = '', query = ''] = pattern.exec(url) ?? [];
  return { prefix, path, query };
}

function redirect({ begin, response }: Exchange, location: string): void {
  begin();
  response.writeHead(301, { location, 'content-length': 0 }).end();
}
