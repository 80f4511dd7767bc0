/**
 * The API server's road to kubelets: HTTPS to a node's address with the server's own client certificate. Used by `pods/log` and the subresources that take a
 * connection over (`kubelet-upgrade.ts`). undici's home for calls to kubelets. Source: upstream's pkg/kubelet/client.
 */
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import { ApiError, type StatusReason, statusCodes } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { createKubeletUpgrade, type UpgradeToKubelet } from './kubelet-upgrade.ts';

export interface KubeletClient {
  /** GET of a path of a kubelet's API. Resolves once the kubelet has answered; throws ApiError for a refusal or a kubelet that cannot be reached. */
  stream(target: KubeletTarget, signal: AbortSignal): Promise<Readable>;
  upgrade: UpgradeToKubelet;
  /** For whoever forwards a request to a kubelet as it is. */
  readonly tls: KubeletCredentials;
  close(): Promise<void>;
}

export interface KubeletTarget {
  readonly nodeName: string;
  /** The node's InternalIP. */
  readonly address: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

export interface KubeletCredentials {
  /** PEM of the authority of kubelets' serving certificates. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const CONNECT_MS_MAX = 5_000;

/** A kubelet that answers nothing for this long is treated as one that cannot be reached. */
const FIRST_BYTE_MS_MAX = 30_000;

/** How much of an error's text is passed on. */
const ERROR_CHARACTERS_MAX = 1_000;

export function createKubeletClient(credentials: KubeletCredentials, deps: { readonly clock: Clock }): KubeletClient {
  const { ca, certificate, key } = credentials;
  const agents = new Map<string, Agent>();
  // A serving certificate names its node, not the address it happens to have.
  const agentFor = (nodeName: string, { Agent: AgentClass }: typeof import('undici')): Agent => {
    const known = agents.get(nodeName);
    if (known) return known;
    const connect = { ca, cert: certificate, key, servername: nodeName, timeout: CONNECT_MS_MAX };
    // A log that is followed may be silent for days.
    const agent = new AgentClass({ connect, headersTimeout: FIRST_BYTE_MS_MAX, bodyTimeout: 0 });
    agents.set(nodeName, agent);
    return agent;
  };
  return {
    stream: async ({ nodeName, address, port, path }, signal) => {
      const host = address.includes(':') ? `[${address}]` : address;
      // Loaded with the first log that is read: a start has no use for it.
      const undici = await import('undici');
      const options = { dispatcher: agentFor(nodeName, undici), signal };
      const response = await reach(nodeName, () => undici.request(`https://${host}:${port}${path}`, options));
      if (response.statusCode === 200) return response.body;
      throw refusal(response.statusCode, await response.body.text());
    },
    upgrade: createKubeletUpgrade(credentials, deps),
    tls: credentials,
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

async function reach<T>(nodeName: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (cause) {
    throw unreachable(nodeName, cause);
  }
}

export function unreachable(nodeName: string, cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `Internal error occurred: the kubelet of node ${JSON.stringify(nodeName)} cannot be reached: ${why}`;
  return new ApiError('InternalError', message, { cause });
}

/** A kubelet says what is wrong in plain text or in a Status; which of our reasons that is follows from the Status, else from the code. */
export function refusal(statusCode: number, body: string): ApiError {
  const status = parseStatus(body);
  const text = (status?.message ?? body).slice(0, ERROR_CHARACTERS_MAX).trim();
  const byCode = statusCode === 400 ? 'BadRequest' : statusCode === 404 ? 'NotFound' : 'InternalError';
  return new ApiError(status?.reason ?? byCode, text === '' ? `the kubelet answered ${statusCode}` : text);
}

function parseStatus(body: string): { readonly message: string; readonly reason: StatusReason | undefined } | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const field = (name: string): unknown => (typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined);
    const message = field('message');
    if (field('kind') !== 'Status' || typeof message !== 'string') return undefined;
    return { message, reason: Object.keys(statusCodes).find((reason): reason is StatusReason => reason === field('reason')) };
  } catch {
    return undefined;
  }
}
