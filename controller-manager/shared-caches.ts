/**
 * The caches that the controllers share: one informer per resource for the whole process, with the indexes that any of them needs. Resources
 * that only the garbage collector looks at are added as it finds them. `createSharedCaches` starts nothing; `run` keeps all copies current.
 */
import { deployments, endpointslices, leases, namespaces, nodes, pods, replicasets, services } from '#api/generated/resources.ts';
import type { Deployment, EndpointSlice, Lease, Namespace, Node, Pod, ReplicaSet, Service } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';

/** Index: the uid of the controlling owner, or `orphan/<namespace>` for objects that have none. */
export const CONTROLLER = 'controller';
/** Index of pods: the node they are bound to, empty while unscheduled. */
export const NODE = 'node';
/** Index of EndpointSlices: `namespace/name` of their Service. */
export const SERVICE = 'service';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const NODE_LEASE_NAMESPACE = 'kube-node-lease';

export interface SharedCaches {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly namespaces: Informer<Namespace>;
  readonly nodes: Informer<Node>;
  readonly nodeLeases: Informer<Lease>;
}

/** All informers of `caches`, to be run side by side. */
export function informersOf(caches: SharedCaches): readonly Informer<ApiObject>[] {
  const { deployments, replicaSets, pods, services, endpointSlices, namespaces, nodes, nodeLeases } = caches;
  return [deployments, replicaSets, pods, services, endpointSlices, namespaces, nodes, nodeLeases];
}

export function createSharedCaches(deps: InformerDeps): SharedCaches {
  return {
    client: deps.client,
    clock: deps.clock,
    random: deps.random,
    deployments: createInformer({ type: deployments }, deps),
    replicaSets: createInformer({ type: replicasets, indexes: { [CONTROLLER]: controllerIndex } }, deps),
    pods: createInformer({ type: pods, indexes: { [CONTROLLER]: controllerIndex, [NODE]: (pod) => [pod.spec.nodeName ?? ''] } }, deps),
    services: createInformer({ type: services }, deps),
    endpointSlices: createInformer({ type: endpointslices, indexes: { [SERVICE]: serviceIndex } }, deps),
    namespaces: createInformer({ type: namespaces }, deps),
    nodes: createInformer({ type: nodes }, deps),
    nodeLeases: createInformer({ type: leases, namespace: NODE_LEASE_NAMESPACE }, deps),
  };
}

/** What the owner controls, and what nobody controls in its namespace. */
export function controlledBy<T extends ApiObject>(informer: Informer<T>, owner: ApiObject): readonly T[] {
  const own = informer.store.listByIndex(CONTROLLER, owner.metadata.uid);
  return [...own, ...informer.store.listByIndex(CONTROLLER, `orphan/${owner.metadata.namespace ?? ''}`)];
}

/** Asks the server itself whether this very object lives and is not being deleted; adopting on a stale cache's word would be wrong. */
export async function isStillThere<T extends ApiObject>(client: Client, type: ResourceType<T>, object: T): Promise<boolean> {
  try {
    const { metadata } = await client.resource(type).get(keyOf(object));
    return metadata.uid === object.metadata.uid && metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

function controllerIndex(object: ApiObject): readonly string[] {
  return [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace ?? ''}`];
}

function serviceIndex({ metadata }: EndpointSlice): readonly string[] {
  const service = metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? [] : [`${metadata.namespace ?? ''}/${service}`];
}
