/**
 * Where a pod's container is: the pod, which of its containers is meant, and the kubelet that runs it. For `log` and for the subresources that take a connection over.
 * Source: upstream's pkg/registry/core/pod/strategy.go (validateContainer, streamLocation) and pkg/kubelet/client.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { ApiError, notFound } from '#api/meta/status.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import type { KubeletTarget } from '../kubelet-client.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';
import { waitForCache } from './get.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

const KUBELET_PORT_DEFAULT = 10_250;

/** As it is now. Throws NotFound. */
export async function getPod({ info, signal }: Pick<ApiRequest, 'info' | 'signal'>, deps: PipelineDeps): Promise<Pod> {
  await waitForCache(deps, undefined, signal);
  const stored = deps.cache.find(storageKey(pods, info.namespace, info.name));
  if (stored === undefined) throw notFound(pods, info.name);
  return parseStoredAs(pods, stored.bytes);
}

/** The one that is named, or the only one. (The annotation that names a default is for kubectl.) Throws BadRequest. */
export function containerOf({ spec, metadata }: Pod, wanted: string): string {
  const main = namesOf(spec.containers);
  const all = [...namesOf(spec.initContainers), ...main, ...namesOf(spec.ephemeralContainers)];
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted;
    throw new ApiError('BadRequest', `container ${wanted} is not valid for pod ${metadata.name}`);
  }
  if (main.length === 1 && main[0] !== undefined) return main[0];
  throw new ApiError('BadRequest', `a container name must be specified for pod ${metadata.name}, choose one of: [${all.join(' ')}]`);
}

function namesOf(containers: readonly { readonly name: string }[] = []): readonly string[] {
  return containers.map(({ name }) => name);
}

/** Throws NotFound for a node that is gone, InternalError for one without an address. */
export function kubeletOf(nodeName: string, cache: Pick<WatchCache, 'find'>): Omit<KubeletTarget, 'path'> {
  const stored = cache.find(storageKey(nodes, '', nodeName));
  if (stored === undefined) throw notFound(nodes, nodeName);
  const node: Node = parseStoredAs(nodes, stored.bytes);
  const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (address === undefined)
    throw new ApiError('InternalError', `Internal error occurred: no preferred addresses found; known addresses: []`);
  return { nodeName, address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT_DEFAULT };
}
