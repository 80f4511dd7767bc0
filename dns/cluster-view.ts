/**
 * What the records are made of: lookups into the informers' local copies, by the keys that DNS names contain. Nothing is precomputed; a query
 * finds its Service by key, so a change in the cluster costs nothing until someone asks.
 */
import { endpointslices, namespaces, services } from '#api/generated/resources.ts';
import type { EndpointSlice, Namespace, Service } from '#api/generated/types.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export interface ClusterView {
  hasNamespace(name: string): boolean;
  findService(namespace: string, name: string): Service | undefined;
  slicesOfService(namespace: string, name: string): readonly EndpointSlice[];
  servicesWithAddress(address: string): readonly Service[];
  slicesWithAddress(address: string): readonly EndpointSlice[];
  /** Grows with the cluster's state; the zone's serial number. */
  serial(): number;
}

export interface DnsInformers {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly namespaces: Informer<Namespace>;
}

export function createDnsInformers(deps: InformerDeps): DnsInformers {
  return {
    services: createInformer({ type: services, indexes: { address: clusterIPsOf } }, deps),
    slices: createInformer({ type: endpointslices, indexes: { service: serviceKeysOf, address: addressesOf } }, deps),
    namespaces: createInformer({ type: namespaces }, deps),
  };
}

export function createClusterView(informers: DnsInformers): ClusterView {
  return {
    hasNamespace: (name) => informers.namespaces.store.find({ namespace: '', name }) !== undefined,
    findService: (namespace, name) => informers.services.store.find({ namespace, name }),
    slicesOfService: (namespace, name) => informers.slices.store.listByIndex('service', `${namespace}/${name}`),
    servicesWithAddress: (address) => informers.services.store.listByIndex('address', address),
    slicesWithAddress: (address) => informers.slices.store.listByIndex('address', address),
    serial: () => {
      const { services, slices, namespaces } = informers;
      const newest = [services, slices, namespaces].map((informer) => informer.syncedRevision()).sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n;
      return Number(BigInt.asUintN(32, newest));
    },
  };
}

/** A headless Service has the word `None` here, which no query contains. */
function clusterIPsOf({ spec }: Service): readonly string[] {
  return [...new Set([...(spec.clusterIP ? [spec.clusterIP] : []), ...(spec.clusterIPs ?? [])])];
}

/** `default/web`: the Service that a slice belongs to. */
export function serviceKeysOf({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

function addressesOf({ endpoints }: EndpointSlice): readonly string[] {
  return [...new Set((endpoints ?? []).flatMap(({ addresses }) => addresses))];
}
