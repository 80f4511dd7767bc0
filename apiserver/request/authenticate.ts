/**
 * From a connection and its headers to a user. A client certificate signed by the cluster's authority names the user in its CN and the groups in its O; without one
 * a bearer token of a service account does; without either the request is anonymous, which authorization lets see no more than the health endpoints.
 * Source: k8s.io/apiserver, pkg/authentication/request (x509, bearertoken, union) and pkg/authentication/group.
 */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError } from '#api/meta/status.ts';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.ts';
import { AUTHENTICATED_GROUP, anonymousUser, CREDENTIAL_ID, type User } from './user.ts';

/** One handshake serves many requests: the user of a connection never changes. */
const usersBySocket = new WeakMap<Socket, User>();

type CertificateOutcome =
  | { readonly type: 'none' }
  | { readonly type: 'user'; readonly user: User }
  | { readonly type: 'refused'; readonly cause: unknown };

/** Takes the connection and the Authorization header. Throws Unauthorized for credentials that cannot be verified, when no others can. */
export async function authenticate(
  socket: Socket,
  authorization: string | undefined,
  tokens: Pick<ServiceAccountTokens, 'authenticate'>,
): Promise<User> {
  const known = usersBySocket.get(socket);
  if (known) return known;
  const certificate = readCertificate(socket);
  if (certificate.type === 'user') {
    usersBySocket.set(socket, certificate.user);
    return certificate.user;
  }
  const token = bearerTokenOf(authorization);
  if (token !== undefined) {
    const outcome = await tokens.authenticate(token);
    if (outcome.isAuthentic) return outcome.user;
    throw unauthorized(outcome.problem);
  }
  if (certificate.type === 'refused') throw unauthorized(certificate.cause);
  return anonymousUser;
}

/** The cause is for our log; the client is told no more than that. */
function unauthorized(cause: unknown): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized', { cause });
}

/** Undefined for other ways to authorize, which nobody here understands. */
function bearerTokenOf(authorization = ''): string | undefined {
  const [scheme = '', token = ''] = authorization.trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

function readCertificate(socket: Socket): CertificateOutcome {
  if (!(socket instanceof TLSSocket)) return { type: 'none' };
  const certificate = socket.getPeerCertificate();
  const subject: unknown = certificate?.subject;
  if (subject === undefined || subject === null || typeof subject !== 'object') return { type: 'none' };
  if (!socket.authorized) return { type: 'refused', cause: socket.authorizationError };
  const [name = ''] = namesIn(subject, 'CN');
  if (name === '') return { type: 'refused', cause: 'the certificate names nobody' };
  const groups = namesIn(subject, 'O');
  const user: User = {
    name,
    groups: groups.includes(AUTHENTICATED_GROUP) ? groups : [...groups, AUTHENTICATED_GROUP],
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`] },
  };
  return { type: 'user', user };
}

/** Node gives a repeated part of a subject as an array, a single one as a string. */
function namesIn(subject: object, part: string): readonly string[] {
  const value: unknown = Reflect.get(subject, part);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item): item is string => typeof item === 'string' && item !== '');
}
