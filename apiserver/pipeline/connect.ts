/**
 * GET and POST of pods/exec, pods/attach, pods/portforward: finds out where the client is to be connected to, or why not. `server.ts` then joins the two connections
 * (`request/join-connections.ts`). Source: upstream's pkg/registry/core/pod/{rest/subresources,rest/authorize,strategy}.go.
 */
import { pods } from '#api/generated/resources.ts';
import { ApiError, forbidden } from '#api/meta/status.ts';
import type { Answer } from './answer.ts';
import { containerOf, getPod, kubeletOf } from './pod-location.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

/** How the kubelet calls what the API calls otherwise. */
const STREAMS = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;

export async function execInPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = streamOptions(request.query);
  for (const word of request.query.getAll('command')) options.append('command', word);
  return connectToContainer('exec', options, request, deps);
}

export async function attachToPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  return connectToContainer('attach', streamOptions(request.query), request, deps);
}

export async function forwardPodPorts(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const ports = request.query.getAll('ports').map(parsePort);
  throwIfNoCreator(request, deps);
  const pod = await getPod(request, deps);
  const options = new URLSearchParams(ports.length === 0 ? [] : [['port', ports.join(',')]]);
  return connectTo('portForward', [], options, pod.spec.nodeName, request, deps);
}

async function connectToContainer(
  action: 'exec' | 'attach',
  options: URLSearchParams,
  request: ApiRequest,
  deps: PipelineDeps,
): Promise<Answer> {
  throwIfNoCreator(request, deps);
  const pod = await getPod(request, deps);
  const container = containerOf(pod, request.query.get('container') ?? '');
  return connectTo(action, [container], options, pod.spec.nodeName, request, deps);
}

function connectTo(
  action: string,
  rest: readonly string[],
  options: URLSearchParams,
  nodeName: string | undefined,
  { info }: ApiRequest,
  deps: PipelineDeps,
): Answer {
  if (nodeName === undefined || nodeName === '') throw new ApiError('BadRequest', `pod ${info.name} does not have a host assigned`);
  const path = `/${[action, info.namespace, info.name, ...rest].map(encodeURIComponent).join('/')}?${options}`;
  return { type: 'connection', target: { ...kubeletOf(nodeName, deps.cache), path } };
}

/** Opening a stream is no reading: a WebSocket's GET needs the permission that SPDY's POST needs. Throws Forbidden. */
function throwIfNoCreator({ info, user }: ApiRequest, { authorizer }: PipelineDeps): void {
  if (info.verb === 'create') return;
  const decision = authorizer.authorize(user, { ...info, verb: 'create' });
  if (!decision.allowed) throw forbidden(pods, info.name, decision.reason);
}

function streamOptions(query: URLSearchParams): URLSearchParams {
  const options = new URLSearchParams();
  for (const [name, kubeletName] of Object.entries(STREAMS)) if (isOn(query.get(name))) options.set(kubeletName, '1');
  return options;
}

/** As upstream reads a flag of a query: there, unless it says no. */
function isOn(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** Throws BadRequest, in the words of Go's strconv. */
function parsePort(text: string): number {
  if (/^[+-]?\d{1,10}$/.test(text)) return Number(text);
  throw new ApiError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
