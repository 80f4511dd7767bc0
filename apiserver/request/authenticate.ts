/**
 * From a connection to a user. A client certificate signed by the cluster's authority names the user in its CN and the groups in its O;
 * a connection without one is anonymous, which authorization lets see no more than the health endpoints. Tokens are not there yet.
 * Source: k8s.io/apiserver, pkg/authentication/request/x509 and pkg/authentication/group.
 */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError } from '#api/meta/status.ts';
import { anonymousUser, type User } from './user.ts';

const AUTHENTICATED_GROUP = 'system:authenticated';

/** One handshake serves many requests: the user of a connection never changes. */
const usersBySocket = new WeakMap<Socket, User>();

/** Takes the connection and the Authorization header. Throws Unauthorized for credentials that cannot be verified. */
export function authenticate(socket: Socket, authorization: string | undefined): User {
  const known = usersBySocket.get(socket);
  if (known) return known;
  const user = userOfCertificate(socket);
  if (user === undefined) {
    if (authorization !== undefined) throw new ApiError('Unauthorized', 'Unauthorized');
    return anonymousUser;
  }
  usersBySocket.set(socket, user);
  return user;
}

function userOfCertificate(socket: Socket): User | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerCertificate();
  const subject: unknown = certificate?.subject;
  if (subject === undefined || subject === null || typeof subject !== 'object') return undefined;
  if (!socket.authorized) throw new ApiError('Unauthorized', 'Unauthorized', { cause: socket.authorizationError });
  const [name = ''] = namesIn(subject, 'CN');
  if (name === '') throw new ApiError('Unauthorized', 'Unauthorized');
  const groups = namesIn(subject, 'O');
  return { name, groups: groups.includes(AUTHENTICATED_GROUP) ? groups : [...groups, AUTHENTICATED_GROUP] };
}

/** Node gives a repeated part of a subject as an array, a single one as a string. */
function namesIn(subject: object, part: string): readonly string[] {
  const value: unknown = Reflect.get(subject, part);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item): item is string => typeof item === 'string' && item !== '');
}
