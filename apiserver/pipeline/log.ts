/**
 * GET pods/log: the kubelet's answer, passed through as it comes and no faster than the client reads.
 * Source: upstream's pkg/registry/core/pod/rest/log.go and pkg/registry/core/pod/strategy.go (LogLocation).
 */
import type { Readable } from 'node:stream';
import { invalidValue } from '#api/meta/field-path.ts';
import { ApiError, type FieldProblem } from '#api/meta/status.ts';
import { isTrue } from '../request/request-info.ts';
import type { Answer, ByteSink } from './answer.ts';
import { containerOf, getPod, kubeletOf } from './pod-location.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { invalidOptions } from './write-options.ts';

/** Passed on as they are; the kubelet knows what they mean. */
const NUMBERS = ['tailLines', 'sinceSeconds', 'limitBytes'] as const;
const FLAGS = ['follow', 'previous', 'timestamps'] as const;

export async function readLog(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { info, query, signal } = request;
  const options = parseLogOptions(query);
  const pod = await getPod(request, deps);
  const container = containerOf(pod, query.get('container') ?? '');
  const nodeName = pod.spec?.nodeName ?? '';
  // Nothing runs yet: upstream answers with an empty log rather than an error.
  if (nodeName === '') return { type: 'stream', contentType: 'text/plain', run: async () => {} };
  const target = kubeletOf(nodeName, deps.cache);
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
