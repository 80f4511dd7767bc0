/**
 * Which of a Service's pods answer on which ports: the part that EndpointSlices and the older Endpoints have in common. A named target port may
 * be another number in each pod, so pods are grouped by the ports they give. Upstream: staging/src/k8s.io/endpointslice and pkg/controller/util/endpoint.
 */
import type { Container, Pod, Service, ServicePort } from '#api/generated/types.ts';

/** On a headless Service's endpoints, so that proxies need not look at the Service. */
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export interface ResolvedPort {
  /** Empty for the only port of a Service that does not name it. */
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

export interface PodGroup {
  readonly ports: readonly ResolvedPort[];
  readonly pods: readonly Pod[];
}

/** Whether the pod has an address that something may still answer on. */
export function isAddressable({ status }: Pod): boolean {
  return (status?.podIP ?? '') !== '' && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None' || (spec.clusterIP ?? '') === '';
}

/** `IPv4` or `IPv6`; the address families a Service has slices for. */
export function familiesOf({ spec }: Service): readonly string[] {
  return spec.ipFamilies === undefined || spec.ipFamilies.length === 0 ? ['IPv4'] : spec.ipFamilies;
}

export function addressesOf({ status }: Pod, family: string): readonly string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return all.filter((address) => address.includes(':') === (family === 'IPv6'));
}

/** Pods that resolve the Service's ports to the same numbers, together. Pods in which no port can be found are left out. */
export function groupByPorts(service: Service, pods: readonly Pod[]): readonly PodGroup[] {
  const wanted = service.spec.ports ?? [];
  const groups = new Map<string, { readonly ports: readonly ResolvedPort[]; readonly pods: Pod[] }>();
  for (const pod of pods) {
    const ports = wanted.map((port) => resolvePort(pod, port)).filter((port) => port !== undefined);
    if (ports.length === 0 && !(wanted.length === 0 && isHeadless(service))) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, pods: [] };
    group.pods.push(pod);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The host name by which DNS finds the pod under this Service, if it asked for one. */
export function hostnameIn({ metadata, spec }: Pod, service: Service): string | undefined {
  const { hostname = '', subdomain } = spec;
  return hostname !== '' && subdomain === service.metadata.name && metadata.namespace === service.metadata.namespace ? hostname : undefined;
}

function resolvePort(
  pod: Pod,
  { name = '', port, protocol = 'TCP', targetPort = port, appProtocol }: ServicePort,
): ResolvedPort | undefined {
  const number = typeof targetPort === 'number' ? targetPort : findNamedPort(pod, targetPort, protocol);
  if (number === undefined) return undefined;
  return { name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function findNamedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...spec.containers, ...sidecars].flatMap((container: Container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}
