/**
 * Services and EndpointSlices to routes: one route per Service port, with every address it answers on and the endpoints behind it, as
 * seen from one node. Pure. `kube-proxy.ts` calls it before each sync, `render-ruleset.ts` turns the result into nftables text.
 * Only IPv4 is served. Text from the API reaches a privileged program after this, so whatever is not an address, a port number or a
 * known protocol ends here.
 */
import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '#api/generated/types.ts';
import { chooseEndpoints, type EndpointChoice, type NodePlace, type Protocol, parseProtocol } from './route-endpoints.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** The API's default for `sessionAffinityConfig.clientIP.timeoutSeconds`: three hours. */
const AFFINITY_SECONDS_DEFAULT = 10_800;

export type TrafficPolicy = 'Cluster' | 'Local';

export interface ServiceRoute {
  /** `default/web:http`, without the colon for a port that has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** `spec.externalIPs` and the load balancer's addresses. */
  readonly externalIPs: readonly string[];
  readonly nodePort: number | undefined;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  readonly endpoints: EndpointChoice;
  /** How long a client stays with its endpoint; undefined without session affinity. */
  readonly affinitySeconds: number | undefined;
}

export interface RouteSources {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly node: NodePlace;
}

/** Sorted by name, so that the same state always gives the same routes. */
export function planServiceRoutes({ services, slices, node }: RouteSources): readonly ServiceRoute[] {
  const slicesByService = Map.groupBy(slices, serviceOf);
  return services
    .flatMap((service) => {
      const own = slicesByService.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [];
      return routesOf(service, own, node);
    })
    .sort((a, b) => compare(a.name, b.name) || compare(a.protocol, b.protocol));
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

function routesOf(service: Service, slices: readonly EndpointSlice[], node: NodePlace): readonly ServiceRoute[] {
  const clusterIP = clusterIPv4(service);
  if (clusterIP === undefined || service.spec.type === 'ExternalName') return [];
  return (service.spec.ports ?? []).flatMap((port) => {
    const protocol = parseProtocol(port.protocol);
    if (protocol === undefined) return [];
    return [toRoute(service, { ...port, protocol, clusterIP }, chooseEndpoints(slices, { name: port.name ?? '', protocol }, node))];
  });
}

function toRoute(
  { metadata, spec, status }: Service,
  port: Omit<ServicePort, 'protocol'> & { readonly protocol: Protocol; readonly clusterIP: string },
  endpoints: EndpointChoice,
): ServiceRoute {
  return {
    name: `${metadata.namespace}/${metadata.name}${port.name ? `:${port.name}` : ''}`,
    protocol: port.protocol,
    clusterIP: port.clusterIP,
    port: port.port,
    externalIPs: [...new Set([...(spec.externalIPs ?? []), ...loadBalancerIPs(spec, status)])].filter((address) => isIPv4(address)),
    nodePort: port.nodePort || undefined,
    internalPolicy: spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    externalPolicy: spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    endpoints,
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT) : undefined,
  };
}

/** Undefined for a headless Service and one that has no address yet. */
function clusterIPv4({ spec }: Service): string | undefined {
  return [spec.clusterIP ?? '', ...(spec.clusterIPs ?? [])].find((address) => isIPv4(address));
}

/**
 * Addresses that a load balancer lets through unchanged; one of mode `Proxy` talks to the node port by itself. With
 * `loadBalancerSourceRanges` there are none: we have no filter for them, and serving everyone would be worse than serving nobody.
 */
function loadBalancerIPs(spec: Service['spec'], status: Service['status']): readonly string[] {
  if ((spec.loadBalancerSourceRanges ?? []).length > 0) return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
