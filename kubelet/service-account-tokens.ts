/**
 * The service account tokens that a pod's projected volumes ask for: requested from the API, bound to the pod, kept while they are fresh and
 * asked for again when four fifths of their life are over. Source: the kubelet's token manager.
 */
import { serviceaccounts } from '#api/generated/resources.ts';
import type { Pod, ServiceAccountTokenProjection } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import { ConfigError } from './environment.ts';
import { tokenKey } from './volumes/volume-files.ts';

export interface PodTokens {
  /** By `tokenKey` of the projection. */
  readonly byKey: ReadonlyMap<string, string>;
  /** When the first of them should be asked for again; undefined when there is none. */
  readonly refreshAtMs: number | undefined;
}

export interface ServiceAccountTokens {
  get(pod: Pod): Promise<PodTokens>;
  release(podUid: string): void;
}

interface Token {
  readonly text: string;
  readonly refreshAtMs: number;
}

/** Upstream replaces a token at 80 % of its life. */
const FRESH_SHARE = 0.8;
const EXPIRATION_SECONDS_DEFAULT = 3600;

export function createServiceAccountTokens(deps: { readonly client: Client; readonly clock: Clock }): ServiceAccountTokens {
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
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const answer = await deps.client.resource(serviceaccounts).createSubresource(account, 'token', body);
    const text = tokenOf(answer);
    if (text === undefined) throw new ConfigError(`failed to fetch token: the server gave none for service account ${account.name}`);
    return { text, refreshAtMs: deps.clock.now() + expirationSeconds * 1000 * FRESH_SHARE };
  }

  return {
    get: async (pod) => {
      const projections = tokenProjectionsOf(pod);
      const known = tokens.get(pod.metadata.uid) ?? new Map<string, Token>();
      for (const projection of projections) {
        const key = tokenKey(projection);
        const token = known.get(key);
        if (token === undefined || token.refreshAtMs <= deps.clock.now()) known.set(key, await request(pod, projection));
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

function tokenOf(answer: unknown): string | undefined {
  const status: unknown = typeof answer === 'object' && answer !== null && 'status' in answer ? answer.status : undefined;
  const token = typeof status === 'object' && status !== null && 'token' in status ? status.token : undefined;
  return typeof token === 'string' ? token : undefined;
}
