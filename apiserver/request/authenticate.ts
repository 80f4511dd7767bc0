/**
 * From a connection and its headers to a user. A front proxy's certificate lets its headers say who asks; a client certificate signed by the cluster's authority names the user in
 * its CN and the groups in its O; without either a bearer token of a service account does; without any the request is anonymous, which authorization lets see no more than the
 * health endpoints. Source: k8s.io/apiserver, pkg/authentication/request (headerrequest, x509, bearertoken, union) and pkg/authentication/group.
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError } from '#api/meta/status.ts';
import { userFromHeaders } from '../aggregation/user-headers.ts';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.ts';
import { AUTHENTICATED_GROUP, anonymousUser, CREDENTIAL_ID, type User } from './user.ts';

/** Common names of the certificates that front proxies show; any other of their authority's speaks for nobody. */
export const FRONT_PROXY_NAMES: readonly string[] = ['front-proxy-client'];

export interface AuthenticatorOptions {
  /** PEM of who signs clients' certificates, and of who signs those of front proxies: a certificate of the one is none of the other's. */
  readonly clientCa: string;
  readonly frontProxyCa: string;
  readonly tokens: Pick<ServiceAccountTokens, 'authenticate'>;
}

/** Throws Unauthorized for credentials that cannot be verified, when no others can. */
export type Authenticator = (request: IncomingMessage) => Promise<User>;

type PlainOutcome =
  | { readonly type: 'none' }
  | { readonly type: 'user'; readonly user: User }
  | { readonly type: 'refused'; readonly cause: unknown };

type CertificateOutcome =
  | PlainOutcome
  /** `otherwise`: what it is when its headers say nothing, which is something only where one authority signs both. */
  | { readonly type: 'front-proxy'; readonly name: string; readonly otherwise: PlainOutcome };

export function createAuthenticator({ clientCa, frontProxyCa, tokens }: AuthenticatorOptions): Authenticator {
  /** One handshake serves many requests: what a connection's certificate says never changes. */
  const outcomes = new WeakMap<Socket, CertificateOutcome>();
  const authorities = { client: new X509Certificate(clientCa), frontProxy: new X509Certificate(frontProxyCa) };

  function certificateOf(socket: Socket): CertificateOutcome {
    const known = outcomes.get(socket) ?? readCertificate(socket, authorities);
    outcomes.set(socket, known);
    return known;
  }

  return async ({ socket, headers, headersDistinct }) => {
    const shown = certificateOf(socket);
    const named = shown.type === 'front-proxy' && FRONT_PROXY_NAMES.includes(shown.name) ? userFromHeaders(headersDistinct) : undefined;
    if (named !== undefined) return named;
    const certificate = shown.type === 'front-proxy' ? shown.otherwise : shown;
    if (certificate.type === 'user') return certificate.user;
    return authenticateToken(headers.authorization, tokens, certificate);
  };
}

async function authenticateToken(
  authorization: string | undefined,
  tokens: AuthenticatorOptions['tokens'],
  certificate: Exclude<PlainOutcome, { type: 'user' }>,
): Promise<User> {
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

interface Authorities {
  readonly client: X509Certificate;
  readonly frontProxy: X509Certificate;
}

function readCertificate(socket: Socket, authorities: Authorities): CertificateOutcome {
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
  const shown = socket.getPeerX509Certificate();
  if (!isIssuedBy(shown, authorities.frontProxy)) return { type: 'user', user };
  const cause = `the certificate of ${JSON.stringify(name)} is for front proxies: it speaks for others or for nobody`;
  return {
    type: 'front-proxy',
    name,
    otherwise: isIssuedBy(shown, authorities.client) ? { type: 'user', user } : { type: 'refused', cause },
  };
}

/** Two authorities may bear the same name; their keys differ. */
function isIssuedBy(certificate: X509Certificate | undefined, authority: X509Certificate): boolean {
  return certificate?.checkIssued(authority) === true && certificate.verify(authority.publicKey);
}

/** Node gives a repeated part of a subject as an array, a single one as a string. */
function namesIn(subject: object, part: string): readonly string[] {
  const value: unknown = Reflect.get(subject, part);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item): item is string => typeof item === 'string' && item !== '');
}
