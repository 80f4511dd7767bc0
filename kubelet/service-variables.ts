/**
 * Environment variables about Services, as programs from before cluster DNS expect them: of the `kubernetes` Service for every container, of all Services of the pod's
 * namespace unless the pod says no. Pure. Source: upstream's pkg/kubelet/envvars.
 */
import type { Pod, Service } from '#api/generated/types.ts';

/** Where containers find the API server, whatever their namespace. */
export interface KubernetesService {
  readonly ip: string;
  readonly port: number;
}

/** `services` are those of the pod's namespace. */
export function serviceVariablesFor(pod: Pod, services: readonly Service[], kubernetes: KubernetesService): ReadonlyMap<string, string> {
  const linked = pod.spec.enableServiceLinks === false ? [] : services.filter(hasAddress).sort(byName);
  const always = variablesOf('kubernetes', kubernetes.ip, [{ name: 'https', port: kubernetes.port }]);
  return new Map([
    ...linked.flatMap(({ metadata, spec }) => variablesOf(metadata.name, spec.clusterIP ?? '', spec.ports ?? [])),
    ...always,
  ]);
}

interface Port {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

function variablesOf(service: string, ip: string, ports: readonly Port[]): readonly (readonly [string, string])[] {
  const [first] = ports;
  if (first === undefined) return [];
  const prefix = variableName(service);
  const named = ports.filter(({ name }) => (name ?? '') !== '');
  return [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...named.map(({ name = '', port }) => [`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)] as const),
    [`${prefix}_PORT`, urlOf(ip, first)],
    ...ports.flatMap((port) => linkVariables(prefix, ip, port)),
  ];
}

/** What Docker's links were once called. */
function linkVariables(service: string, ip: string, port: Port): readonly (readonly [string, string])[] {
  const protocol = port.protocol ?? 'TCP';
  const prefix = `${service}_PORT_${port.port}_${protocol.toUpperCase()}`;
  return [
    [prefix, urlOf(ip, port)],
    [`${prefix}_PROTO`, protocol.toLowerCase()],
    [`${prefix}_PORT`, String(port.port)],
    [`${prefix}_ADDR`, ip],
  ];
}

function urlOf(ip: string, { port, protocol = 'TCP' }: Port): string {
  return `${protocol.toLowerCase()}://${ip}:${port}`;
}

function variableName(text: string): string {
  return text.toUpperCase().replaceAll('-', '_');
}

function hasAddress({ spec }: Service): boolean {
  return (spec.clusterIP ?? '') !== '' && spec.clusterIP !== 'None';
}

/** The same environment every time, whatever the order in which Services came. */
function byName(left: Service, right: Service): number {
  return left.metadata.name < right.metadata.name ? -1 : 1;
}
