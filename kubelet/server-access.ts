/**
 * Who may call the kubelet's HTTPS API: the API server, known by its certificate; else whoever the API server says, asked with a TokenReview for a bearer token and with a
 * SubjectAccessReview on this node for what is to be done. Its answers are good for as long as upstream's kubelet keeps them. Nobody is anonymous here.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { subjectaccessreviews, tokenreviews } from '#api/generated/resources.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';

export interface Caller {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

export interface KubeletAccess {
  /** Throws `Unauthorized` or `Forbidden`. */
  admit(request: IncomingMessage): Promise<void>;
}

export interface KubeletAccessDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
  /** Common names of the API server's certificate: it has asked already. */
  readonly trustedNames: readonly string[];
}

/** Upstream's `authorizedTTL` and `unauthorizedTTL`, and its `cacheTTL` of tokens. */
const ALLOWED_MS = 300_000;
const DENIED_MS = 30_000;
const TOKEN_MS = 120_000;
/** Of each kind; the oldest go first. */
const ANSWERS_MAX = 1_000;

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** What a path is about, on the node: a permission for any of these is enough. Everything that is not told apart is `proxy`, which also stands for what came later. */
export function subresourcesOf(path: string): readonly string[] {
  const [, first = ''] = path.split('/');
  const named: Readonly<Record<string, string>> = { stats: 'stats', metrics: 'metrics', logs: 'log', checkpoint: 'checkpoint' };
  const fine: Readonly<Record<string, string>> = { pods: 'pods', runningpods: 'pods', healthz: 'healthz', configz: 'configz' };
  const own = named[first];
  if (own !== undefined) return [own];
  return fine[first] === undefined ? ['proxy'] : [fine[first], 'proxy'];
}

export function createKubeletAccess({ client, clock, nodeName, trustedNames }: KubeletAccessDeps): KubeletAccess {
  const tokens = createAnswers<Caller | undefined>(clock);
  const permissions = createAnswers<boolean>(clock);

  async function reviewToken(token: string): Promise<Caller | undefined> {
    const { status } = await client.resource(tokenreviews).create({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: { name: '' },
      spec: { token },
    });
    const user = status?.authenticated === true ? status.user : undefined;
    if (user?.username === undefined) return undefined;
    return { name: user.username, groups: user.groups ?? [], ...(user.uid === undefined ? {} : { uid: user.uid }) };
  }

  async function identify(request: IncomingMessage): Promise<Caller | undefined> {
    const shown = callerOf(request);
    if (shown !== undefined) return shown;
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    // Kept by its digest: a token is a secret.
    return tokens.get(
      createHash('sha256').update(token).digest('hex'),
      () => reviewToken(token),
      () => TOKEN_MS,
    );
  }

  async function reviewAccess({ name, uid, groups }: Caller, verb: string, subresource: string): Promise<boolean> {
    const { status } = await client.resource(subjectaccessreviews).create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec: {
        user: name,
        groups,
        ...(uid === undefined ? {} : { uid }),
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
      },
    });
    return status?.allowed === true;
  }

  return {
    admit: async (request) => {
      const caller = await identify(request);
      if (caller === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
      if (trustedNames.includes(caller.name) && callerOf(request) !== undefined) return;
      const verb = verbs[request.method ?? ''] ?? 'get';
      const subresources = subresourcesOf((request.url ?? '').split('?')[0] ?? '');
      for (const subresource of subresources) {
        const key = JSON.stringify([caller, verb, subresource]);
        const ask = () => reviewAccess(caller, verb, subresource);
        if (await permissions.get(key, ask, (allowed) => (allowed ? ALLOWED_MS : DENIED_MS))) return;
      }
      throw new ApiError(
        'Forbidden',
        `Forbidden (user=${caller.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])`,
      );
    },
  };
}

/** By a certificate of the cluster's authority; undefined without one. */
function callerOf({ socket }: IncomingMessage): Caller | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject ?? {};
  if (CN === undefined) return undefined;
  return { name: String(CN), groups: [...(O === undefined ? [] : [O].flat()), 'system:authenticated'] };
}

interface Answers<T> {
  get(key: string, ask: () => Promise<T>, goodForMs: (answer: T) => number): Promise<T>;
}

/** Asks once for all who want to know, and remembers; failures are not remembered. */
function createAnswers<T>(clock: Clock): Answers<T> {
  const held = new Map<string, { readonly answer: T; readonly untilMs: number }>();
  const asked = new Map<string, Promise<T>>();
  return {
    get: async (key, ask, goodForMs) => {
      const known = held.get(key);
      if (known !== undefined && clock.monotonic() < known.untilMs) return known.answer;
      const pending = asked.get(key) ?? ask().finally(() => asked.delete(key));
      asked.set(key, pending);
      const answer = await pending;
      held.delete(key);
      held.set(key, { answer, untilMs: clock.monotonic() + goodForMs(answer) });
      const [oldest] = held.keys();
      if (held.size > ANSWERS_MAX && oldest !== undefined) held.delete(oldest);
      return answer;
    },
  };
}
