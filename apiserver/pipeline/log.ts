/**
 * GET pods/log: the kubelet's answer, passed through as it comes and no faster than the client reads.
 * Source: upstream's pkg/registry/core/pod/rest/log.go and pkg/registry/core/pod/strategy.go (LogLocation).
 */
import type { Readable } from 'node:stream';
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import { ApiError, type FieldProblem, notFound } from '#api/meta/status.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import type { KubeletTarget } from '../kubelet-client.ts';
import { isTrue } from '../request/request-info.ts';
import { storageKey } from '../storage-key.ts';
import type { Answer, ByteSink } from './answer.ts';
import { waitForCache } from './get.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { invalidOptions } from './write-options.ts';

const KUBELET_PORT_DEFAULT = 10_250;

/** Passed on as they are; the kubelet knows what they mean. */
const NUMBERS = ['tailLines', 'sinceSeconds', 'limitBytes'] as const;
const FLAGS = ['follow', 'previous', 'timestamps'] as const;

export async function readLog(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { info, query, signal } = request;
  const options = parseLogOptions(query);
  await waitForCache(deps, undefined, signal);
  const stored = deps.cache.find(storageKey(pods, info.namespace, info.name));
  if (stored === undefined) throw notFound(pods, info.name);
  const pod = parseStoredAs(pods, stored.bytes);
  const container = containerOf(pod, query.get('container') ?? '');
  const nodeName = pod.spec?.nodeName ?? '';
  // Nothing runs yet: upstream answers with an empty log rather than an error.
  if (nodeName === '') return { type: 'stream', contentType: 'text/plain', run: async () => {} };
  const target = kubeletOf(nodeName, deps);
  const path = `/containerLogs/${[info.namespace, info.name, container].map(encodeURIComponent).join('/')}?${options}`;
  const stopping = AbortSignal.any([signal, deps.stopping]);
  const log = await deps.kubelets.stream({ ...target, path }, stopping);
  return { type: 'stream', contentType: 'text/plain', run: (sink, connection) => pipe(log, sink, connection) };
}

async function pipe(log: Readable, sink: ByteSink, signal: AbortSignal): Promise<void> {
  const stop = () => log.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of log) {
      const bytes: unknown = chunk;
      if (Buffer.isBuffer(bytes) && !sink.write(bytes)) await sink.drained(signal);
      if (signal.aborted) return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    log.destroy();
  }
}

/** Gives the query for the kubelet. Throws Invalid, in upstream's words. */
function parseLogOptions(query: URLSearchParams): URLSearchParams {
  const options = new URLSearchParams();
  const problems: FieldProblem[] = [];
  for (const name of FLAGS) if (isTrue(query.get(name))) options.set(name, 'true');
  for (const name of NUMBERS) {
    const text = query.get(name);
    if (text === null || text === '') continue;
    const min = name === 'tailLines' ? 0 : 1;
    const bound = min === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';
    if (!/^-?\d{1,15}$/.test(text)) throw new ApiError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) < min) problems.push(invalidValue(name, Number(text), bound));
    options.set(name, text);
  }
  const sinceTime = query.get('sinceTime') ?? '';
  if (sinceTime !== '' && options.has('sinceSeconds')) {
    problems.push({
      type: 'FieldValueForbidden',
      field: '',
      message: 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    });
  }
  if (sinceTime !== '') options.set('sinceTime', sinceTime);
  if (problems.length > 0) throw invalidOptions('PodLogOptions', problems);
  return options;
}

/** The one that is named, or the only one. */
function containerOf({ spec, metadata }: Pod, wanted: string): string {
  const main = (spec?.containers ?? []).map(({ name }) => name);
  const init = (spec?.initContainers ?? []).map(({ name }) => name);
  const all = [...main, ...init, ...(spec?.ephemeralContainers ?? []).map(({ name }) => name)];
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted;
    throw new ApiError('BadRequest', `container ${wanted} is not valid for pod ${metadata.name}`);
  }
  const byAnnotation = metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? '';
  if (main.includes(byAnnotation)) return byAnnotation;
  if (main.length === 1 && main[0] !== undefined) return main[0];
  const also = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
  throw new ApiError(
    'BadRequest',
    `a container name must be specified for pod ${metadata.name}, choose one of: [${main.join(' ')}]${also}`,
  );
}

function kubeletOf(nodeName: string, { cache }: PipelineDeps): Omit<KubeletTarget, 'path'> {
  const stored = cache.find(storageKey(nodes, '', nodeName));
  if (stored === undefined) throw notFound(nodes, nodeName);
  const node: Node = parseStoredAs(nodes, stored.bytes);
  const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (address === undefined)
    throw new ApiError('InternalError', `Internal error occurred: no preferred addresses found; known addresses: []`);
  return { nodeName, address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT_DEFAULT };
}
