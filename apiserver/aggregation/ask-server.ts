/**
 * A question of this server's own to an aggregated one: is it there, what does it serve, how does it describe itself. Asked as `system:kube-aggregator`, which may everything. Whole
 * answers, of limited size, in limited time. Source: k8s.io/kube-aggregator, pkg/controllers/status/remote and pkg/apiserver/handler_discovery.go.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '#component/clock.ts';
import { type ForwardTarget, hostOf, tlsOptionsOf } from '../forwarding/forward-target.ts';
import { describeReachError } from '../forwarding/reach-error.ts';
import { userHeadersOf } from './user-headers.ts';

export interface Question {
  readonly path: string;
  /** What of an earlier answer is known still to hold. */
  readonly etag?: string | undefined;
}

export interface ServerAnswer {
  readonly statusCode: number;
  readonly etag: string | undefined;
  readonly body: Buffer;
}

/** Upstream's for a probe; a description may be larger than a probe's answer, but comes over the same network. */
const ANSWER_MS_MAX = 5_000;

/** Many times upstream's own whole description. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

const AGGREGATOR = { name: 'system:kube-aggregator', groups: ['system:masters'] };

/** Throws an Error that says in Go's words why there is no answer. */
export function askServer(
  target: Omit<ForwardTarget, 'path'>,
  { path, etag }: Question,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ServerAnswer> {
  const headers = {
    ...userHeadersOf(AGGREGATOR),
    accept: 'application/json',
    host: hostOf(target),
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(new Error(describeReachError(error, target), { cause: error }));
    const options = { host: target.address, port: target.port, path, headers, agent: false, signal };
    const request = httpsRequest({ ...options, ...tlsOptionsOf(target.tls) }, (response) => {
      readAnswer(response).then(resolve, fail);
    });
    const cancel = clock.after(ANSWER_MS_MAX, () => request.destroy(new Error('context deadline exceeded')));
    request.once('close', cancel);
    request.on('error', fail);
    request.end();
  });
}

async function readAnswer(response: IncomingMessage): Promise<ServerAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { statusCode: response.statusCode ?? 0, etag: response.headers.etag, body: Buffer.concat(chunks, bytes) };
}
