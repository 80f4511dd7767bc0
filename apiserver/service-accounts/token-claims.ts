/**
 * What a service account token says, and what follows from it without asking anybody: the claims it is made of, whether its time has come or gone, whom it is for,
 * and who its bearer is. Pure. Source: upstream's pkg/serviceaccount/claims.go and pkg/serviceaccount/jwt.go.
 */
import { serviceAccountGroups, serviceAccountUser } from '#api/core/v1/service-account.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { formatTexts } from '../authorization/rule-matching.ts';
import { CREDENTIAL_ID, type User } from '../request/user.ts';

/** An object as a token names it. */
export interface ObjectReference {
  readonly name: string;
  /** Empty for a node that was gone when the token was made. */
  readonly uid: string;
}

export interface TokenClaims {
  readonly id: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly issuedAtSeconds: number;
  readonly notBeforeSeconds: number;
  readonly expirySeconds: number;
  readonly namespace: string;
  readonly serviceAccount: ObjectReference;
  readonly pod?: ObjectReference;
  readonly secret?: ObjectReference;
  /** The node of the pod; without a pod, what the token is bound to. */
  readonly node?: ObjectReference;
  /** When the bearer should have replaced it, of tokens that are honoured longer than was asked for. */
  readonly warnAfterSeconds?: number;
}

/** Clocks differ by this much, and what was deleted lives on for as long. */
export const LEEWAY_SECONDS = 60;

/** The claims as they stand in the token. */
export function toPayload(claims: TokenClaims): Readonly<Record<string, unknown>> {
  const { pod, secret, node, warnAfterSeconds } = claims;
  return {
    aud: claims.audiences,
    exp: claims.expirySeconds,
    iat: claims.issuedAtSeconds,
    iss: claims.issuer,
    jti: claims.id,
    'kubernetes.io': {
      namespace: claims.namespace,
      ...(node === undefined ? {} : { node: withoutEmpty(node) }),
      ...(pod === undefined ? {} : { pod }),
      ...(secret === undefined ? {} : { secret }),
      serviceaccount: claims.serviceAccount,
      ...(warnAfterSeconds === undefined ? {} : { warnafter: warnAfterSeconds }),
    },
    nbf: claims.notBeforeSeconds,
    sub: serviceAccountUser(claims.namespace, claims.serviceAccount.name),
  };
}

/** Undefined when something is missing without which nobody can be authenticated. */
export function parseClaims(payload: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const { iss, exp, nbf, iat, jti, sub, aud, 'kubernetes.io': own } = payload;
  if (typeof iss !== 'string' || typeof exp !== 'number' || !isJsonObject(own)) return undefined;
  const { namespace, warnafter } = own;
  const serviceAccount = parseReference(own.serviceaccount);
  if (typeof namespace !== 'string' || serviceAccount === undefined) return undefined;
  if (sub !== serviceAccountUser(namespace, serviceAccount.name)) return undefined;
  const [pod, secret, node] = [own.pod, own.secret, own.node].map(parseReference);
  return {
    id: typeof jti === 'string' ? jti : '',
    issuer: iss,
    audiences: textsIn(aud),
    issuedAtSeconds: typeof iat === 'number' ? iat : 0,
    notBeforeSeconds: typeof nbf === 'number' ? nbf : 0,
    expirySeconds: exp,
    namespace,
    serviceAccount,
    ...(pod === undefined ? {} : { pod }),
    ...(secret === undefined ? {} : { secret }),
    ...(node === undefined ? {} : { node }),
    ...(typeof warnafter === 'number' ? { warnAfterSeconds: warnafter } : {}),
  };
}

/** Undefined while the token's time is now. */
export function timeProblem({ expirySeconds, notBeforeSeconds }: TokenClaims, nowMs: number): string | undefined {
  const nowSeconds = nowMs / 1_000;
  if (nowSeconds > expirySeconds + LEEWAY_SECONDS) return 'service account token has expired';
  if (nowSeconds < notBeforeSeconds - LEEWAY_SECONDS) return 'service account token is not valid yet';
  return undefined;
}

/** Those of the token's audiences that are asked for: of none it is not valid. */
export function commonAudiences({ audiences }: TokenClaims, wanted: readonly string[]): readonly string[] {
  return audiences.filter((audience) => wanted.includes(audience));
}

export function audienceProblem({ audiences }: Pick<TokenClaims, 'audiences'>, wanted: readonly string[]): string {
  return `token audiences ${formatTexts(audiences)} is invalid for the target audiences ${formatTexts(wanted)}`;
}

/** Whom a request with this token is from. */
export function userOf({ id, namespace, serviceAccount, pod, node }: TokenClaims): User {
  const nodeUid = node === undefined || node.uid === '' ? {} : { 'authentication.kubernetes.io/node-uid': [node.uid] };
  return {
    name: serviceAccountUser(namespace, serviceAccount.name),
    uid: serviceAccount.uid,
    groups: serviceAccountGroups(namespace),
    extra: {
      ...(id === '' ? {} : { [CREDENTIAL_ID]: [`JTI=${id}`] }),
      ...(node === undefined ? {} : { 'authentication.kubernetes.io/node-name': [node.name], ...nodeUid }),
      ...(pod === undefined
        ? {}
        : { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }),
    },
  };
}

function withoutEmpty({ name, uid }: ObjectReference): Partial<ObjectReference> {
  return uid === '' ? { name } : { name, uid };
}

function parseReference(value: unknown): ObjectReference | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, uid = '' } = value;
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

/** One audience may stand alone. */
function textsIn(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item): item is string => typeof item === 'string');
}
