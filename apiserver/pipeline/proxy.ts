/**
 * pods/proxy, services/proxy, nodes/proxy: which server a request is meant for, or why there is none. `server.ts` then forwards it. A name may say more than a name:
 * `https:web:8443` is the port 8443 of `web`, spoken to over TLS; a Service's port may be a number of its own or a name.
 * Source: upstream's pkg/registry/core/{pod,service,node} (ResourceLocation) and apimachinery, pkg/util/net/port_split.go.
 */
import { endpointslices, pods, services } from '#api/generated/resources.ts';
import type { Endpoint, EndpointSlice, Pod, Service } from '#api/generated/types.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { ApiError, notFound } from '#api/meta/status.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import type { ForwardTarget } from '../forwarding/forward-target.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey, storagePrefix } from '../storage-key.ts';
import type { Answer } from './answer.ts';
import { waitForCache } from './get.ts';
import { kubeletOf } from './pod-location.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

type Target = Omit<ForwardTarget, 'path'>;

export interface TargetName {
  readonly scheme: 'http' | 'https' | '';
  readonly name: string;
  readonly port: string;
}

/** Throws NotFound, BadRequest, ServiceUnavailable, InternalError. */
export async function findProxyTarget(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { info, definition, signal } = request;
  const named = parseTargetName(info.name);
  if (named === undefined) {
    throw new ApiError('BadRequest', `invalid ${definition.type.kind.toLowerCase()} request ${JSON.stringify(info.name)}`);
  }
  await waitForCache(deps, undefined, signal);
  return { type: 'forward', target: targetOf(definition.type.plural, info.namespace, named, deps) };
}

function targetOf(plural: string, namespace: string, named: TargetName, deps: PipelineDeps): Target {
  if (plural === 'pods') return podTarget(namespace, named, deps.cache);
  if (plural === 'services') return serviceTarget(namespace, named, deps);
  return nodeTarget(named, deps);
}

/** `name`, `name:port` or `scheme:name:port`, of which the port may be left out at the end. Undefined for anything else. */
export function parseTargetName(text: string): TargetName | undefined {
  const parts = text.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) return first === '' ? undefined : { scheme: '', name: first, port: '' };
  if (parts.length === 2) return first === '' ? undefined : { scheme: '', name: first, port: second };
  const isScheme = first === '' || first === 'http' || first === 'https';
  return parts.length === 3 && isScheme && second !== '' ? { scheme: first, name: second, port: third } : undefined;
}

function podTarget(namespace: string, { scheme, name, port }: TargetName, cache: WatchCache): Target {
  const pod: Pod = read(pods, namespace, name, cache);
  const firstPort = pod.spec.containers.find(({ ports = [] }) => ports.length > 0)?.ports?.[0]?.containerPort;
  return targetAt(scheme, pod.status?.podIP ?? '', port === '' ? firstPort : portNumber(port));
}

function serviceTarget(namespace: string, named: TargetName, { cache, random }: PipelineDeps): Target {
  const { scheme, name } = named;
  const portName = /^\d+$/.test(named.port) ? nameOfPort(Number(named.port), read(services, namespace, name, cache)) : named.port;
  const slices = cache
    .list(storagePrefix(endpointslices, namespace))
    .filter(({ labels }) => labels[SERVICE_NAME_LABEL] === name)
    .map(({ bytes }) => parseStoredAs(endpointslices, bytes));
  if (slices.length === 0) read(services, namespace, name, cache);
  const addresses = slices.flatMap((slice) => readyAddresses(slice, portName, cache));
  const chosen = addresses[Math.floor(random.next() * addresses.length)];
  if (chosen === undefined) throw new ApiError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(name)}`);
  return targetAt(scheme, chosen.address, chosen.port);
}

/** Throws ServiceUnavailable. */
function nameOfPort(port: number, { metadata, spec }: Service): string {
  const found = spec?.ports?.find((one) => one.port === port);
  if (found !== undefined) return found.name ?? '';
  throw new ApiError('ServiceUnavailable', `no service port ${port} found for service ${JSON.stringify(metadata.name)}`);
}

function readyAddresses({ endpoints = [], ports = [], metadata }: EndpointSlice, portName: string, cache: WatchCache) {
  const port = ports.find(({ name = '' }) => name === portName)?.port;
  if (port === undefined) return [];
  const { namespace = '' } = metadata;
  return endpoints
    .filter((endpoint) => endpoint.conditions?.ready !== false && isPodsOwn(endpoint, namespace, cache))
    .flatMap(({ addresses: [address] }) => (address === undefined ? [] : [{ address, port }]));
}

/** Anybody who writes endpoints could otherwise send this server wherever they like. */
function isPodsOwn({ targetRef, addresses }: Endpoint, namespace: string, cache: WatchCache): boolean {
  if (targetRef?.kind !== 'Pod' || targetRef.namespace !== namespace) return false;
  const stored = cache.find(storageKey(pods, namespace, targetRef.name ?? ''));
  const status = stored === undefined ? undefined : parseStoredAs(pods, stored.bytes).status;
  return [status?.podIP, ...(status?.podIPs ?? []).map(({ ip }) => ip)].includes(addresses[0]);
}

/** The kubelet, with this server's own credentials; another port of the node's without any. */
function nodeTarget({ scheme, name, port }: TargetName, { cache, kubelets }: PipelineDeps): Target {
  const kubelet = kubeletOf(name, cache);
  if (port !== '' && portNumber(port) !== kubelet.port) return targetAt(scheme, kubelet.address, portNumber(port));
  return { scheme: 'https', address: kubelet.address, port: kubelet.port, tls: { ...kubelets.tls, serverName: name } };
}

/** Throws BadRequest for an address that is none, or that would lead back into this server's own machine. */
function targetAt(scheme: TargetName['scheme'], address: string, port: number | undefined): Target {
  const used = scheme === '' ? 'http' : scheme;
  if (address === '' || isLocalOnly(address)) throw new ApiError('BadRequest', 'address not allowed');
  return { scheme: used, address, port: port ?? (used === 'https' ? 443 : 80), tls: {} };
}

function isLocalOnly(address: string): boolean {
  return /^(?:127\.|169\.254\.|0\.0\.0\.0$|22[4-9]\.|23\d\.|::1?$|fe80:)/i.test(address);
}

/** Throws BadRequest. */
function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new ApiError('BadRequest', `invalid port ${JSON.stringify(text)}`);
}

/** Throws NotFound. */
function read<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string, cache: WatchCache): T {
  const stored = cache.find(storageKey(type, namespace, name));
  if (stored === undefined) throw notFound(type, name);
  return parseStoredAs(type, stored.bytes);
}
