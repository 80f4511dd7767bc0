/**
 * GET and POST of pods/exec, pods/attach, pods/portforward: finds out where the client is to be connected to, or why not. `server.ts` then joins the two connections
 * (`request/join-connections.ts`). Source: upstream's pkg/registry/core/pod/{rest/subresources,rest/authorize,strategy}.go.
 */
import { pods } from '#api/generated/resources.ts';
import { type ApiObject, resourceType } from '#api/meta/resource-type.ts';
import { ApiError, forbidden } from '#api/meta/status.ts';
import { isApiObject } from '../encoding/json-value.ts';
import type { Answer } from './answer.ts';
import { containerOf, getPod, kubeletOf } from './pod-location.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

type OptionsKind = 'PodExecOptions' | 'PodAttachOptions' | 'PodPortForwardOptions';

/** How the kubelet calls what the API calls otherwise. */
const STREAMS = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;

export async function execInPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = streamOptions(request.query);
  const command = request.query.getAll('command');
  for (const word of command) options.append('command', word);
  return connectToContainer('exec', options, { kind: 'PodExecOptions', ...(command.length === 0 ? {} : { command }) }, request, deps);
}

export async function attachToPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  return connectToContainer('attach', streamOptions(request.query), { kind: 'PodAttachOptions' }, request, deps);
}

export async function forwardPodPorts(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const ports = request.query.getAll('ports').map(parsePort);
  throwIfNoCreator(request, deps);
  await admitConnection(request, deps, { kind: 'PodPortForwardOptions', ...(ports.length === 0 ? {} : { ports }) });
  const pod = await getPod(request, deps);
  const options = new URLSearchParams(ports.length === 0 ? [] : [['port', ports.join(',')]]);
  return connectTo('portForward', [], options, pod.spec.nodeName, request, deps);
}

async function connectToContainer(
  action: 'exec' | 'attach',
  options: URLSearchParams,
  told: ToldOptions,
  request: ApiRequest,
  deps: PipelineDeps,
): Promise<Answer> {
  throwIfNoCreator(request, deps);
  const named = request.query.get('container') ?? '';
  await admitConnection(request, deps, { ...told, ...streamsTold(request.query), ...(named === '' ? {} : { container: named }) });
  const pod = await getPod(request, deps);
  const container = containerOf(pod, named);
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

/** What admission is told of a connection: its options as an object, in the words of the API. */
interface ToldOptions {
  readonly kind: OptionsKind;
  readonly [option: string]: unknown;
}

/** Throws what admission says. What it might change about the options is passed over: they are the client's to choose. */
async function admitConnection(request: ApiRequest, { admission }: PipelineDeps, { kind, ...options }: ToldOptions): Promise<void> {
  const bodyType = resourceType<ApiObject>({ ...pods, kind, schema: kind });
  // Options have no metadata of their own; admission's objects have some.
  const object: unknown = { kind, apiVersion: 'v1', metadata: {}, ...options };
  if (!isApiObject(object)) throw new ApiError('InternalError', 'the options of a connection could not be made');
  const asked = { operation: 'CONNECT', ...request, isDryRun: false, bodyType, object, previous: undefined } as const;
  await admission.mutate(asked);
  await admission.validate(asked);
}

function streamsTold(query: URLSearchParams): Readonly<Record<string, boolean>> {
  const wanted = Object.keys(STREAMS).filter((name) => isOn(query.get(name)));
  return Object.fromEntries(wanted.map((name) => [name, true]));
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
