/**
 * The service account tokens that a pod's projected volumes ask for: requested from the API, bound to the pod, kept while they are fresh and asked for again when four
 * fifths of their life are over. A server that is away then costs nothing: the old token stays until it expires. Source: upstream's pkg/kubelet/token.
 */
import { serviceaccounts } from '#api/generated/resources.ts';
import type { Pod, ServiceAccountTokenProjection } from '#api/generated/types.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { parseTime } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { ConfigError } from './environment.ts';
import { tokenKey } from './volumes/volume-files.ts';

export interface PodTokens {
  /** By `tokenKey` of the projection. */
  readonly byKey: ReadonlyMap<string, string>;
  /** When the first of them should be asked for again; undefined when there is none. */
  readonly refreshAtMs: number | undefined;
}

export interface ServiceAccountTokens {
  /** Throws what the server answers when a token is needed and none that still holds is there. */
  get(pod: Pod): Promise<PodTokens>;
  release(podUid: string): void;
}

interface Token {
  readonly text: string;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

/** Upstream replaces a token at 80 % of its life, and after a day in any case. */
const FRESH_SHARE = 0.8;
const FRESH_MS_MAX = 24 * 60 * 60 * 1000;
const EXPIRATION_SECONDS_DEFAULT = 3600;
/** After a refresh that failed while the old token still holds. */
const RETRY_MS = 30_000;

export interface ServiceAccountTokensDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createServiceAccountTokens(deps: ServiceAccountTokensDeps): ServiceAccountTokens {
  const tokens = new Map<string, Map<string, Token>>();

  async function request(pod: Pod, projection: ServiceAccountTokenProjection): Promise<Token> {
    const { name, namespace = '', uid } = pod.metadata;
    const expirationSeconds = projection.expirationSeconds ?? EXPIRATION_SECONDS_DEFAULT;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: projection.audience ? [projection.audience] : [],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const nowMs = deps.clock.now();
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const answer = await deps.client.resource(serviceaccounts).createSubresource(account, 'token', body);
    const { token, expirationTimestamp } = statusOf(answer);
    if (token === undefined) throw new ConfigError(`failed to fetch token: the server gave none for service account ${account.name}`);
    const expiresAtMs = parseTime(expirationTimestamp) ?? nowMs + expirationSeconds * 1000;
    const freshMs = Math.min(Math.max(0, expiresAtMs - nowMs) * FRESH_SHARE, FRESH_MS_MAX);
    return { text: token, expiresAtMs, refreshAtMs: nowMs + freshMs };
  }

  /** The token to use from now on; the old one while the server has no other and it still holds. */
  async function renew(old: Token | undefined, pod: Pod, projection: ServiceAccountTokenProjection): Promise<Token> {
    const nowMs = deps.clock.now();
    if (old !== undefined && old.refreshAtMs > nowMs) return old;
    try {
      return await request(pod, projection);
    } catch (error) {
      if (old === undefined || old.expiresAtMs <= nowMs) throw error;
      deps.log.warn(
        { err: error, pod: `${pod.metadata.namespace ?? ''}/${pod.metadata.name}` },
        'a token was not refreshed; keeping the old one',
      );
      return { ...old, refreshAtMs: nowMs + RETRY_MS };
    }
  }

  return {
    get: async (pod) => {
      const known = tokens.get(pod.metadata.uid) ?? new Map<string, Token>();
      for (const projection of tokenProjectionsOf(pod)) {
        const key = tokenKey(projection);
        known.set(key, await renew(known.get(key), pod, projection));
      }
      if (known.size > 0) tokens.set(pod.metadata.uid, known);
      return {
        byKey: new Map([...known].map(([key, { text }]) => [key, text])),
        refreshAtMs: known.size === 0 ? undefined : Math.min(...[...known.values()].map(({ refreshAtMs }) => refreshAtMs)),
      };
    },
    release: (podUid) => {
      tokens.delete(podUid);
    },
  };
}

function tokenProjectionsOf(pod: Pod): readonly ServiceAccountTokenProjection[] {
  return (pod.spec.volumes ?? [])
    .flatMap(({ projected }) => projected?.sources ?? [])
    .flatMap(({ serviceAccountToken }) => (serviceAccountToken === undefined ? [] : [serviceAccountToken]));
}

function statusOf(answer: unknown): { readonly token?: string; readonly expirationTimestamp?: string } {
  const status = isJsonObject(answer) ? answer.status : undefined;
  if (!isJsonObject(status)) return {};
  const { token, expirationTimestamp } = status;
  return {
    ...(typeof token === 'string' ? { token } : {}),
    ...(typeof expirationTimestamp === 'string' ? { expirationTimestamp } : {}),
  };
}
