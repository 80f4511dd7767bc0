/** Services, EndpointSlices and routes that name only what a test is about. */
import type { Endpoint, EndpointSlice, Service, ServicePort, ServiceSpec } from '#api/generated/types.ts';
import type { EndpointLocation, RouteEndpoint } from '../route-endpoints.ts';
import type { ServiceRoute } from '../service-routes.ts';

function metadata(name: string, labels: Record<string, string> = {}) {
  return { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels };
}

export const httpPort: ServicePort = { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' };

/** `default/web`, 10.96.0.10:80. */
export function aService(spec: ServiceSpec = {}, status?: Service['status']): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('web'),
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.10', ports: [httpPort], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** A slice of `default/web`, port `http` is 8080. */
export function aSlice(endpoints: readonly Endpoint[], fields: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata('web-abcde', { 'kubernetes.io/service-name': 'web' }),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
    ...fields,
  };
}

export function anEndpoint(address: string, nodeName: string, fields: Partial<Endpoint> = {}): Endpoint {
  return { addresses: [address], nodeName, conditions: { ready: true, serving: true, terminating: false }, ...fields };
}

export function target(text: string, location: EndpointLocation = 'elsewhere'): RouteEndpoint {
  const [address = '', port = ''] = text.split(':');
  return { address, port: Number(port), location };
}

/** `default/web:http` at 10.96.0.10:80/tcp with these endpoints, the local ones among them under Local policy. */
export function aRoute(targets: readonly RouteEndpoint[], fields: Partial<ServiceRoute> = {}): ServiceRoute {
  return {
    name: 'default/web:http',
    protocol: 'tcp',
    clusterIP: '10.96.0.10',
    port: 80,
    externalIPs: [],
    nodePort: undefined,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: undefined,
    endpoints: { cluster: targets, local: targets.filter(({ location }) => location === 'here'), isServed: targets.length > 0 },
    ...fields,
  };
}
