/**
 * What a Service needs allocated, decided purely from the Service as wanted and as it was: which addresses stay, which are asked for by name, which may be
 * any. Called by `service-addresses.ts`. Source: upstream's pkg/registry/core/service/storage/alloc.go and strategy.go (patchAllocatedValues).
 */
import type { Service, ServicePort } from '#api/generated/types.ts';

export type AddressPlan = { readonly state: 'settled' } | { readonly state: 'needed'; readonly wanted: string | undefined };

export type PortPlan =
  | { readonly state: 'settled' }
  /** `sharedWith`: the index of the same port with another protocol, whose node port serves both. */
  | { readonly state: 'needed'; readonly wanted: number | undefined; readonly sharedWith: number | undefined };

export interface ServicePlan {
  /** With everything carried over that the client left out. */
  readonly service: Service;
  readonly address: AddressPlan;
  /** One for each of the Service's ports. */
  readonly ports: readonly PortPlan[];
}

const HEADLESS = 'None';

export function planService(wanted: Service, previous: Service | undefined): ServicePlan {
  const service = withoutUnusable(carryOver(wanted, previous), previous);
  const kept = new Set(previous === undefined ? [] : nodePortsOf(previous));
  const ports = service.spec?.ports ?? [];
  return {
    service,
    address: planAddress(service, previous),
    ports: ports.map((port, index) => (usesNodePorts(service) ? planPort(port, index, ports, kept) : { state: 'settled' })),
  };
}

/** The Service's own IP, if it has one. */
export function clusterAddressOf({ spec }: Service): string | undefined {
  const address = spec?.clusterIP ?? '';
  return address === '' || address === HEADLESS || spec?.type === 'ExternalName' ? undefined : address;
}

/** Each once, though two protocols may share one. */
export function nodePortsOf({ spec }: Service): readonly number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort).filter((port) => port > 0);
  return [...new Set(ports)];
}

function needsAddress({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName';
}

function usesNodePorts({ spec }: Service): boolean {
  return spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

/** A client that replaces a Service and leaves out what was allocated does not want it to change. */
function carryOver(wanted: Service, previous: Service | undefined): Service {
  if (previous === undefined || !needsAddress(wanted) || !needsAddress(previous)) return wanted;
  const { spec } = wanted;
  const isAddressLeftOut = (spec?.clusterIP ?? '') === '' && (spec?.clusterIPs ?? []).length === 0;
  const { clusterIP = '', clusterIPs = [] } = previous.spec ?? {};
  const address = isAddressLeftOut && clusterIP !== '' ? { clusterIP, clusterIPs } : {};
  const ports =
    usesNodePorts(wanted) && usesNodePorts(previous) ? { ports: carryOverPorts(spec?.ports ?? [], previous.spec?.ports ?? []) } : {};
  return { ...wanted, spec: { ...spec, ...address, ...ports } };
}

function carryOverPorts(wanted: readonly ServicePort[], previous: readonly ServicePort[]): readonly ServicePort[] {
  const taken = new Set(wanted.map(({ nodePort = 0 }) => nodePort));
  return wanted.map((port) => {
    const same = previous.find((other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
    const nodePort = same?.nodePort ?? 0;
    if ((port.nodePort ?? 0) > 0 || nodePort === 0 || taken.has(nodePort)) return port;
    return { ...port, nodePort };
  });
}

/** A change of type leaves behind what the new type cannot have, if the client only carried it along. */
function withoutUnusable(service: Service, previous: Service | undefined): Service {
  const { spec } = service;
  if (!needsAddress(service)) {
    const { clusterIP: _ip, clusterIPs: _ips, ...rest } = spec ?? {};
    return previous === undefined && (spec?.clusterIP ?? '') === '' ? service : { ...service, spec: rest };
  }
  const addresses = spec?.clusterIPs ?? [];
  const address = spec?.clusterIP || addresses[0] || '';
  const families = { ipFamilies: spec?.ipFamilies ?? ['IPv4'], ipFamilyPolicy: spec?.ipFamilyPolicy ?? 'SingleStack' };
  const filled = { ...spec, ...(address === '' ? {} : { clusterIP: address, clusterIPs: [address] }), ...families };
  if (usesNodePorts(service) || previous === undefined || !usesNodePorts(previous)) return { ...service, spec: filled };
  const carried = new Set(nodePortsOf(previous));
  const ports = (spec?.ports ?? []).map((port) => {
    const { nodePort = 0, ...rest } = port;
    return carried.has(nodePort) ? rest : port;
  });
  return { ...service, spec: { ...filled, ports } };
}

function planAddress(service: Service, previous: Service | undefined): AddressPlan {
  const wanted = service.spec?.clusterIP ?? '';
  if (!needsAddress(service) || wanted === HEADLESS) return { state: 'settled' };
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
