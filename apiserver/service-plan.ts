/**
 * What a Service needs allocated, decided purely from the Service as wanted and as it was: which addresses stay, which are asked for by name, which may be
 * any. Called by `service-addresses.ts` with a Service that validation has passed; what a client left out of an update, the kind's own
 * `prepareForUpdate` has carried over. Source: upstream's pkg/registry/core/service/storage/alloc.go and strategy.go (patchAllocatedValues).
 */
import { HEADLESS, hasClusterIP } from '#api/core/v1/service.ts';
import type { Service, ServicePort } from '#api/generated/types.ts';

export type AddressPlan = { readonly state: 'settled' } | { readonly state: 'needed'; readonly wanted: string | undefined };

export type PortPlan =
  | { readonly state: 'settled' }
  /** `sharedWith`: the index of the same port with another protocol, whose node port serves both. */
  | { readonly state: 'needed'; readonly wanted: number | undefined; readonly sharedWith: number | undefined };

export interface ServicePlan {
  readonly address: AddressPlan;
  /** One for each of the Service's ports. */
  readonly ports: readonly PortPlan[];
}

export function planService(wanted: Service, previous: Service | undefined): ServicePlan {
  const kept = new Set(previous === undefined ? [] : nodePortsOf(previous));
  const ports = wanted.spec.ports ?? [];
  return {
    address: planAddress(wanted, previous),
    ports: ports.map((port, index) => (allocatesNodePorts(wanted) ? planPort(port, index, ports, kept) : { state: 'settled' })),
  };
}

/** The Service's own IP, if it has one. */
export function clusterAddressOf({ spec }: Service): string | undefined {
  const address = spec.clusterIP ?? '';
  return address === '' || address === HEADLESS || !hasClusterIP(spec) ? undefined : address;
}

/** Each once, though two protocols may share one. */
export function nodePortsOf({ spec }: Service): readonly number[] {
  const ports = (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort).filter((port) => port > 0);
  return [...new Set(ports)];
}

export function allocatesNodePorts({ spec }: Service): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

function planAddress(service: Service, previous: Service | undefined): AddressPlan {
  const wanted = service.spec.clusterIP ?? '';
  if (!hasClusterIP(service.spec) || wanted === HEADLESS) return { state: 'settled' };
  if (previous !== undefined && wanted !== '' && clusterAddressOf(previous) === wanted) return { state: 'settled' };
  return { state: 'needed', wanted: wanted === '' ? undefined : wanted };
}

function planPort(port: ServicePort, index: number, ports: readonly ServicePort[], kept: ReadonlySet<number>): PortPlan {
  const nodePort = port.nodePort ?? 0;
  if (nodePort > 0 && kept.has(nodePort)) return { state: 'settled' };
  const isTwin = (other: ServicePort) => (nodePort > 0 ? other.nodePort === nodePort : other.port === port.port);
  const twin = ports.findIndex((other, at) => at < index && isTwin(other) && (other.protocol ?? 'TCP') !== (port.protocol ?? 'TCP'));
  return { state: 'needed', wanted: nodePort > 0 ? nodePort : undefined, sharedWith: twin < 0 ? undefined : twin };
}
