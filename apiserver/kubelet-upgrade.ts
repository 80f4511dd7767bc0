/**
 * A connection to a kubelet that leaves HTTP: for `pods/exec`, `attach` and `portforward`. What protocol it goes on with is between the client and the kubelet; this
 * only carries the request there and gives back the answer and the bare connection. Part of `kubelet-client.ts`. Source: upstream's apimachinery, pkg/util/proxy/upgradeaware.go.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { type KubeletCredentials, type KubeletTarget, refusal, unreachable } from './kubelet-client.ts';

export interface UpgradeRequest {
  readonly method: string;
  /** The client's; of these the kubelet gets what concerns the protocol. */
  readonly headers: IncomingHttpHeaders;
}

export interface UpgradedConnection {
  /** The kubelet's answer, as it goes to the client: status line and headers. */
  readonly head: string;
  /** What comes next, both ways. */
  readonly connection: Duplex;
}

/** Resolves once the kubelet has switched. Throws ApiError for a refusal or a kubelet that cannot be reached. */
export type UpgradeToKubelet = (target: KubeletTarget, request: UpgradeRequest, signal: AbortSignal) => Promise<UpgradedConnection>;

/** A kubelet that answers nothing for this long is treated as one that cannot be reached. */
const ANSWER_MS_MAX = 30_000;

/** How much of a refusal is read. */
const REFUSAL_BYTES_MAX = 64 * 1024;

/** Never the client's own credentials. */
const PROTOCOL_HEADERS = [
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'x-stream-protocol-version',
] as const;

export function createKubeletUpgrade({ ca, certificate, key }: KubeletCredentials, { clock }: { readonly clock: Clock }): UpgradeToKubelet {
  return ({ nodeName, address, port, path }, { method, headers }, signal) =>
    new Promise((resolve, reject) => {
      const tls = { ca, cert: certificate, key, servername: nodeName, agent: false };
      const request = httpsRequest({ host: address, port, path, method, headers: protocolHeaders(headers), signal, ...tls });
      const cancel = clock.after(ANSWER_MS_MAX, () => request.destroy(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
      const settle = (done: () => void) => {
        cancel();
        done();
      };
      request.on('upgrade', (response, connection, head) => {
        connection.on('error', () => {});
        if (head.length > 0) connection.unshift(head);
        settle(() => resolve({ head: headOf(response), connection }));
      });
      request.on('response', (response) => {
        readRefusal(response).then(
          (error) => settle(() => reject(error)),
          (error: unknown) => settle(() => reject(unreachable(nodeName, error))),
        );
      });
      request.on('error', (error) => settle(() => reject(unreachable(nodeName, error))));
      request.end();
    });
}

function protocolHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const passed = PROTOCOL_HEADERS.map((name) => [name, headers[name]] as const).filter(([, value]) => value !== undefined);
  return { connection: 'Upgrade', ...Object.fromEntries(passed) };
}

function headOf({ rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1] ?? ''}`] : []));
  return `${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\n`;
}

async function readRefusal(response: IncomingMessage): Promise<ApiError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > REFUSAL_BYTES_MAX) break;
  }
  return refusal(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'));
}
