/**
 * Asks kubelets what their nodes use, over their HTTPS API and with this process's certificate. A connection to each is kept for the next question, as whoever scales
 * by metrics asks every 15 s. Answers are bounded in time and size.
 */
import { Agent, get } from 'node:https';
import type { Node } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import type { Summary } from './usage-metrics.ts';

export interface KubeletCredentials {
  /** PEM of the authority of kubelets' serving certificates. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Kubelets {
  ask(node: Node, signal: AbortSignal): Promise<Summary>;
  close(): void;
}

/** A kubelet that has not been asked lately looks twice, a second apart. */
const ANSWER_MS_MAX = 8_000;
/** A pod is about 600 bytes. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const KUBELET_PORT = 10_250;

export function createKubelets({ ca, certificate, key }: KubeletCredentials, { clock }: { readonly clock: Clock }): Kubelets {
  const agent = new Agent({ ca, cert: certificate, key, keepAlive: true, keepAliveMsecs: 30_000 });

  async function ask({ metadata, status }: Node, signal: AbortSignal): Promise<Summary> {
    const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (host === undefined) throw new Error('the node has no InternalIP address');
    const port = status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT;
    const late = new AbortController();
    const cancel = clock.after(ANSWER_MS_MAX, () => late.abort(new Error(`no answer in ${ANSWER_MS_MAX} ms`)));
    try {
      // Its certificate names the node, not the address that it happens to have.
      const target = { host, port, servername: metadata.name, path: '/stats/summary?only_cpu_and_memory=true', agent };
      return decodeSummary(await fetchText(target, AbortSignal.any([signal, late.signal])));
    } finally {
      cancel();
    }
  }

  return { ask, close: () => agent.destroy() };
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
  readonly path: string;
  readonly agent: Agent;
}

function fetchText(target: Target, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ ...target, signal }, async (response) => {
      try {
        const chunks: Buffer[] = [];
        let bytes = 0;
        for await (const chunk of response) {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
          chunks.push(chunk);
        }
        const text = Buffer.concat(chunks, bytes).toString('utf8');
        if (response.statusCode !== 200) throw new Error(`the kubelet answered ${response.statusCode}: ${text.slice(0, 1_000)}`);
        resolve(text);
      } catch (error) {
        response.destroy();
        reject(error);
      }
    });
    request.on('error', reject);
  });
}

/** Only what is read later is looked at; what does not look right is not there. */
export function decodeSummary(text: string): Summary {
  const value: unknown = JSON.parse(text);
  const node = memberOf(value, 'node');
  return {
    ...(node === undefined ? {} : { node: decodeMeasured(node) }),
    pods: listOf(value, 'pods').map((pod) => ({
      podRef: { uid: textOf(memberOf(pod, 'podRef'), 'uid') },
      containers: listOf(pod, 'containers').map((container) => ({ name: textOf(container, 'name'), ...decodeMeasured(container) })),
    })),
  };
}

function decodeMeasured(value: unknown) {
  const [cpu, memory] = [memberOf(value, 'cpu'), memberOf(value, 'memory')];
  return {
    cpu: { time: textOf(cpu, 'time'), ...numberIn(cpu, 'usageNanoCores'), ...numberIn(cpu, 'windowSeconds') },
    memory: numberIn(memory, 'workingSetBytes'),
  };
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function listOf(value: unknown, key: string): readonly unknown[] {
  const found = memberOf(value, key);
  return Array.isArray(found) ? found : [];
}

function textOf(value: unknown, key: string): string {
  const found = memberOf(value, key);
  return typeof found === 'string' ? found : '';
}

function numberIn<Key extends string>(value: unknown, key: Key): { readonly [K in Key]?: number } {
  const found = memberOf(value, key);
  // The compiler does not see that a computed key is the one it names.
  const entry: { [K in Key]?: number } = {};
  if (typeof found === 'number') entry[key] = found;
  return entry;
}
