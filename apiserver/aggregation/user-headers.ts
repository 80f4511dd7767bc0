/**
 * A user as headers, the one way that this server and aggregated ones tell each other who asks: written for a request that goes on, read from one that a front proxy sent. Both
 * directions are here so that they agree. Pure. Source: client-go, transport/round_trippers.go, and k8s.io/apiserver, pkg/authentication/request/headerrequest.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { AUTHENTICATED_GROUP, anonymousUser, type User } from '../request/user.ts';

export const USER_HEADER = 'X-Remote-User';
export const UID_HEADER = 'X-Remote-Uid';
export const GROUP_HEADER = 'X-Remote-Group';
export const EXTRA_PREFIX = 'X-Remote-Extra-';

export function userHeadersOf({ name, uid, groups, extra = {} }: User): OutgoingHttpHeaders {
  return {
    [USER_HEADER]: name,
    ...(uid === undefined || uid === '' ? {} : { [UID_HEADER]: uid }),
    ...(groups.length === 0 ? {} : { [GROUP_HEADER]: [...groups] }),
    ...Object.fromEntries(Object.entries(extra).map(([key, values]) => [`${EXTRA_PREFIX}${escapeKey(key)}`, [...values]])),
  };
}

/** Undefined when the headers name nobody. */
export function userFromHeaders(headers: IncomingMessage['headersDistinct']): User | undefined {
  const [name = ''] = headers[USER_HEADER.toLowerCase()] ?? [];
  if (name === '') return undefined;
  const [uid = ''] = headers[UID_HEADER.toLowerCase()] ?? [];
  const groups = headers[GROUP_HEADER.toLowerCase()] ?? [];
  const prefix = EXTRA_PREFIX.toLowerCase();
  const extra = Object.entries(headers)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, values = []]) => [unescapeKey(key.slice(prefix.length)), values] as const);
  return {
    name,
    ...(uid === '' ? {} : { uid }),
    groups: groups.includes(AUTHENTICATED_GROUP) || name === anonymousUser.name ? groups : [...groups, AUTHENTICATED_GROUP],
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** What may not stand in a header's name (RFC 9110's `token`), and the percent sign itself. */
function escapeKey(key: string): string {
  const bytes = [...Buffer.from(key, 'utf8')];
  return bytes
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9!#$&'*+.^_`|~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** As it is when it is not valid percent-encoding. */
function unescapeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
