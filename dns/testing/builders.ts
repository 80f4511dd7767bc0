/** A cluster for DNS, in memory: Services, slices and namespaces, and the view that the records are made from. */
import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '#api/generated/types.ts';
import { type ClusterView, serviceKeysOf } from '../cluster-view.ts';

function metadata(name: string, labels: Record<string, string> = {}) {
  return { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels };
}

/** In namespace `default`. */
export function aService(name: string, spec: ServiceSpec): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec };
}

/** A slice of `default/<service>` whose port `http` is 8080. */
export function aSlice(service: string, endpoints: readonly Endpoint[], fields: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(`${service}-abcde`, { 'kubernetes.io/service-name': service }),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
    ...fields,
  };
}

export function aClusterView(services: readonly Service[], slices: readonly EndpointSlice[] = []): ClusterView {
  const namespaces = ['default', 'kube-system'];
  return {
    hasNamespace: (name) => namespaces.includes(name),
    findService: (namespace, name) => services.find((each) => each.metadata.name === name && each.metadata.namespace === namespace),
    slicesOfService: (namespace, name) => slices.filter((slice) => serviceKeysOf(slice).includes(`${namespace}/${name}`)),
    servicesWithAddress: (address) => services.filter(({ spec }) => spec.clusterIP === address),
    slicesWithAddress: (address) => slices.filter(({ endpoints }) => endpoints?.some(({ addresses }) => addresses.includes(address))),
    serial: () => 42,
  };
}
