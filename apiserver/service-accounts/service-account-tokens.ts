/**
 * Service account tokens: issued on request, and checked on every request that carries one. A signature is checked once per token and remembered; time, audience
 * and the objects that a token is bound to are looked at each time, so that a deleted pod's token ends with the pod. Upstream: pkg/serviceaccount.
 */
import { nodes, pods, secrets, serviceaccounts } from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import type { User } from '../request/user.ts';
import { findLegacyProblem, type LegacyClaims, legacyUserOf, parseLegacyClaims } from './legacy-tokens.ts';
import type { LiveObject, LiveObjects } from './live-objects.ts';
import {
  audienceProblem,
  commonAudiences,
  LEEWAY_SECONDS,
  type ObjectReference,
  parseClaims,
  type TokenClaims,
  timeProblem,
  toPayload,
  userOf,
} from './token-claims.ts';
import type { TokenKeys } from './token-keys.ts';

/** What a token is to say; times follow from now. */
export interface TokenWish extends Pick<TokenClaims, 'audiences' | 'namespace' | 'serviceAccount' | 'pod' | 'secret' | 'node'> {
  readonly expirationSeconds: number;
  /** When its bearer should replace it, if that is before it expires. */
  readonly warnAfterSeconds?: number;
}

export type TokenOutcome =
  | { readonly isAuthentic: true; readonly user: User; readonly audiences: readonly string[] }
  | { readonly isAuthentic: false; readonly problem: string };

export interface ServiceAccountTokens {
  /** Of tokens for this server, where nobody asks for others. */
  readonly apiAudiences: readonly string[];
  issue(wish: TokenWish): Promise<string>;
  /** Whose token it is, if it is valid now for one of the audiences; this server's unless others are named. */
  authenticate(token: string, audiences?: readonly string[]): Promise<TokenOutcome>;
}

export interface ServiceAccountTokensDeps {
  readonly keys: TokenKeys;
  readonly objects: LiveObjects;
  readonly clock: Clock;
  readonly random: Random;
}

/** One per program that uses the API, and some; at a kilobyte each. The oldest are forgotten and would be checked again. */
const VERIFIED_TOKENS_MAX = 4_096;

type VerifiedToken =
  | { readonly kind: 'requested'; readonly claims: TokenClaims; readonly user: User }
  | { readonly kind: 'legacy'; readonly claims: LegacyClaims; readonly user: User };

const INVALID = 'invalid bearer token';

export function createServiceAccountTokens(issuer: string, deps: ServiceAccountTokensDeps): ServiceAccountTokens {
  const { keys, objects, clock, random } = deps;
  const verified = new Map<string, VerifiedToken>();
  const apiAudiences = [issuer];

  /** A token that this server signed. */
  async function readToken(token: string): Promise<VerifiedToken | undefined> {
    const known = verified.get(token);
    if (known !== undefined) return known;
    const payload = await keys.verify(token);
    const entry = payload === undefined ? undefined : readPayload(payload, issuer);
    if (entry === undefined) return undefined;
    const [oldest] = verified.keys();
    if (verified.size >= VERIFIED_TOKENS_MAX && oldest !== undefined) verified.delete(oldest);
    verified.set(token, entry);
    return entry;
  }

  async function findProblem(
    token: string,
    known: VerifiedToken,
    audiences: readonly string[],
    wanted: readonly string[],
  ): Promise<string | undefined> {
    if (known.kind === 'legacy') {
      return audiences.length === 0 ? audienceProblem({ audiences: [] }, wanted) : findLegacyProblem(token, known.claims, objects);
    }
    const { claims } = known;
    if (audiences.length === 0) return audienceProblem(claims, wanted);
    return timeProblem(claims, clock.now()) ?? findBindingProblem(claims, objects, clock.now());
  }

  return {
    apiAudiences,
    issue: ({ expirationSeconds, warnAfterSeconds, ...wish }) => {
      const nowSeconds = Math.floor(clock.now() / 1_000);
      const claims: TokenClaims = {
        ...wish,
        id: random.uuid(),
        issuer,
        issuedAtSeconds: nowSeconds,
        notBeforeSeconds: nowSeconds,
        expirySeconds: nowSeconds + expirationSeconds,
        ...(warnAfterSeconds === undefined ? {} : { warnAfterSeconds: nowSeconds + warnAfterSeconds }),
      };
      return keys.sign(toPayload(claims));
    },
    authenticate: async (token, wanted = apiAudiences) => {
      const known = await readToken(token);
      if (known === undefined) return { isAuthentic: false, problem: INVALID };
      const { user } = known;
      const audiences =
        known.kind === 'legacy' ? apiAudiences.filter((own) => wanted.includes(own)) : commonAudiences(known.claims, wanted);
      const problem = await findProblem(token, known, audiences, wanted);
      if (problem !== undefined) return { isAuthentic: false, problem: `[${INVALID}, ${problem}]` };
      return { isAuthentic: true, user, audiences };
    },
  };
}

function readPayload(payload: Readonly<Record<string, unknown>>, issuer: string): VerifiedToken | undefined {
  const legacy = parseLegacyClaims(payload);
  if (legacy !== undefined) return { kind: 'legacy', claims: legacy, user: legacyUserOf(legacy) };
  const claims = parseClaims(payload);
  return claims?.issuer === issuer ? { kind: 'requested', claims, user: userOf(claims) } : undefined;
}

/** Undefined while the account and what the token is bound to are there, and the same ones. */
async function findBindingProblem(claims: TokenClaims, objects: LiveObjects, nowMs: number): Promise<string | undefined> {
  const { namespace, serviceAccount, pod, secret, node } = claims;
  const account = await objects.find(serviceaccounts, namespace, serviceAccount.name, serviceAccount.uid);
  if (account === undefined) return `serviceaccounts "${serviceAccount.name}" not found`;
  if (isGone(account, nowMs)) return `service account ${namespace}/${serviceAccount.name} has been deleted`;
  if (account.uid !== serviceAccount.uid) return `service account UID (${account.uid}) does not match claim (${serviceAccount.uid})`;
  const check = <T extends ApiObject>(type: ResourceType<T>, reference: ObjectReference | undefined, what: string, place = namespace) =>
    reference === undefined ? undefined : findReferenceProblem({ type, reference, what, namespace: place }, objects, nowMs);
  return (
    (await check(secrets, secret, 'secret')) ??
    (await check(pods, pod, 'pod')) ??
    // The node of a pod is told, not bound to: the pod ends with it in any case.
    (pod === undefined ? await check(nodes, node, 'node', '') : undefined)
  );
}

interface Bound<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly namespace: string;
  readonly reference: ObjectReference;
  readonly what: string;
}

async function findReferenceProblem<T extends ApiObject>(
  { type, namespace, reference, what }: Bound<T>,
  objects: LiveObjects,
  nowMs: number,
): Promise<string | undefined> {
  const found = await objects.find(type, namespace, reference.name, reference.uid);
  if (found === undefined || isGone(found, nowMs)) return 'service account token has been invalidated';
  if (found.uid === reference.uid) return undefined;
  return `${what} UID (${found.uid}) does not match service account ${what} ref claim (${reference.uid})`;
}

function isGone({ deletedAtMs }: LiveObject, nowMs: number): boolean {
  return deletedAtMs !== undefined && deletedAtMs < nowMs - LEEWAY_SECONDS * 1_000;
}
