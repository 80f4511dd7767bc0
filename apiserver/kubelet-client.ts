/**
 * The API server's road to kubelets: HTTPS to a node's address with the server's own client certificate. Used by `pods/log`. The one file of this room that
 * imports undici. Source: upstream's pkg/kubelet/client and pkg/registry/core/pod/strategy.go (LogLocation).
 */
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { ApiError } from '#api/meta/status.ts';

export interface KubeletClient {
  /** GET of a path of a kubelet's API. Resolves once the kubelet has answered; throws ApiError for a refusal or a kubelet that cannot be reached. */
  stream(target: KubeletTarget, signal: AbortSignal): Promise<Readable>;
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

export function createKubeletClient({ ca, certificate, key }: KubeletCredentials): KubeletClient {
  const agents = new Map<string, Agent>();
  // A serving certificate names its node, not the address it happens to have.
  const agentFor = (nodeName: string): Agent => {
    const known = agents.get(nodeName);
    if (known) return known;
    const connect = { ca, cert: certificate, key, servername: nodeName, timeout: CONNECT_MS_MAX };
    // A log that is followed may be silent for days.
    const agent = new Agent({ connect, headersTimeout: FIRST_BYTE_MS_MAX, bodyTimeout: 0 });
    agents.set(nodeName, agent);
    return agent;
  };
  return {
    stream: async ({ nodeName, address, port, path }, signal) => {
      const host = address.includes(':') ? `[${address}]` : address;
      const response = await reach(nodeName, () => request(`https://${host}:${port}${path}`, { dispatcher: agentFor(nodeName), signal }));
      if (response.statusCode === 200) return response.body;
      const text = (await response.body.text()).slice(0, ERROR_CHARACTERS_MAX).trim();
      throw refusal(response.statusCode, text);
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

async function reach<T>(nodeName: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError(
      'InternalError',
      `Internal error occurred: the kubelet of node ${JSON.stringify(nodeName)} cannot be reached: ${why}`,
      { cause },
    );
  }
}

/** The kubelet says what is wrong in plain text; which of our reasons that is follows from its code. */
function refusal(statusCode: number, text: string): ApiError {
  const reason = statusCode === 400 ? 'BadRequest' : statusCode === 404 ? 'NotFound' : 'InternalError';
  return new ApiError(reason, text === '' ? `the kubelet answered ${statusCode}` : text);
}
