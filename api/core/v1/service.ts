/**
 * Services: defaults, rules, what may change, and predicates for the controllers and kube-proxy. Addresses and node ports are allocated
 * by the API server between defaulting and validation; here is only what follows from the object itself. One address family: IPv4.
 */
import { isIP } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { dns1035LabelProblems, dns1123LabelProblems, dns1123SubdomainProblems, inclusiveRangeMessage } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabels, validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { withDefined, without } from '../../meta/with-defined.ts';
import { protocols } from './container.ts';
import { validatePort } from './probe.ts';

/** The `clusterIP` of a Service that has none: its name stands for its pods' own addresses. */
export const HEADLESS = 'None';

/** How long a client keeps its endpoint under `sessionAffinity: ClientIP`: three hours. */
const AFFINITY_SECONDS_DEFAULT = 10_800;
const AFFINITY_SECONDS_MAX = 86_400;

const serviceTypes = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const;

export function applyServiceDefaults(service: Service): Service {
  const type = service.spec.type || 'ClusterIP';
  const sessionAffinity = service.spec.sessionAffinity || 'None';
  const isInternal = type !== 'ExternalName';
  const isExternal = isExternallyAccessible({ ...service.spec, type });
  const spec = withDefined<ServiceSpec>(without(service.spec, 'sessionAffinityConfig'), {
    type,
    sessionAffinity,
    sessionAffinityConfig: sessionAffinity === 'ClientIP' ? affinityConfig(service.spec) : undefined,
    ports: service.spec.ports?.map(applyPortDefaults),
    externalTrafficPolicy: isExternal ? service.spec.externalTrafficPolicy || 'Cluster' : undefined,
    internalTrafficPolicy: isInternal ? service.spec.internalTrafficPolicy || 'Cluster' : undefined,
    allocateLoadBalancerNodePorts: type === 'LoadBalancer' ? (service.spec.allocateLoadBalancerNodePorts ?? true) : undefined,
    ipFamilies: isInternal ? (service.spec.ipFamilies ?? ['IPv4']) : undefined,
    ipFamilyPolicy: isInternal ? (service.spec.ipFamilyPolicy ?? 'SingleStack') : undefined,
  });
  return { ...service, spec: withBothClusterIPs(spec) };
}

function affinityConfig(spec: ServiceSpec): NonNullable<ServiceSpec['sessionAffinityConfig']> {
  return { clientIP: { timeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT } };
}

function applyPortDefaults(port: ServicePort): ServicePort {
  return { ...port, protocol: port.protocol || 'TCP', targetPort: port.targetPort || port.port };
}

/** The list is the newer form of the single address; whichever is given fills in the other. */
function withBothClusterIPs(spec: ServiceSpec): ServiceSpec {
  const [first] = spec.clusterIPs ?? [];
  if (spec.clusterIP && first === undefined) return { ...spec, clusterIPs: [spec.clusterIP] };
  return !spec.clusterIP && first !== undefined ? { ...spec, clusterIP: first } : spec;
}

/**
 * An update that leaves out what the server allocated means to keep it: `kubectl replace` of a manifest without addresses must not lose them.
 * Types that have no such allocation drop it.
 */
export function keepAllocations(service: Service, previous: Service): Service {
  const keepsAddress = hasClusterIP(service.spec) && hasClusterIP(previous.spec) && !service.spec.clusterIP;
  const ports = usesNodePorts(service.spec) && usesNodePorts(previous.spec) ? keepNodePorts(service.spec, previous.spec) : undefined;
  const spec = withDefined(service.spec, {
    clusterIP: keepsAddress ? previous.spec.clusterIP : undefined,
    clusterIPs: keepsAddress ? previous.spec.clusterIPs : undefined,
    ports,
  });
  return { ...service, spec: hasClusterIP(spec) ? spec : without(spec, 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy') };
}

function keepNodePorts(spec: ServiceSpec, previous: ServiceSpec): readonly ServicePort[] {
  const taken = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
  return (spec.ports ?? []).map((port) => {
    const old = previous.ports?.find((other) => other.port === port.port && other.protocol === port.protocol)?.nodePort;
    return port.nodePort || old === undefined || taken.has(old) ? port : { ...port, nodePort: old };
  });
}

export function validateService(service: Service): readonly FieldProblem[] {
  const { spec } = service;
  return [
    ...validateObjectMeta(service.metadata, { isNamespaced: true, nameRule: dns1035LabelProblems }),
    ...validateOneOf(spec.type, serviceTypes, 'spec.type'),
    ...validatePortList(spec),
    ...validateLabels(spec.selector ?? {}, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIPs(spec),
    ...validateExternal(spec),
  ];
}

function validatePortList(spec: ServiceSpec): readonly FieldProblem[] {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') return [required('spec.ports')];
  const names = ports.map(({ name }) => name ?? '');
  const ids = ports.map(({ protocol, port }) => `${protocol}/${port}`);
  return ports.flatMap((port, index) => {
    const field = `spec.ports[${index}]`;
    const name = port.name ?? '';
    const problems = validateServicePort(port, spec, field);
    const named =
      name === '' ? (ports.length > 1 ? [required(`${field}.name`)] : []) : nameProblems(name, names.indexOf(name) < index, field);
    const isTwin = ids.indexOf(ids[index] ?? '') < index;
    return [...named, ...problems, ...(isTwin ? [duplicate(field, { protocol: port.protocol, port: port.port })] : [])];
  });
}

function nameProblems(name: string, isTwin: boolean, field: string): readonly FieldProblem[] {
  const problems = dns1123LabelProblems(name).map((problem) => invalidValue(`${field}.name`, name, problem));
  return isTwin ? [...problems, duplicate(`${field}.name`, name)] : problems;
}

function validateServicePort(port: ServicePort, spec: ServiceSpec, field: string): readonly FieldProblem[] {
  const problems = [...validatePort(port.port, `${field}.port`), ...validateOneOf(port.protocol, protocols, `${field}.protocol`)];
  if (port.targetPort !== undefined) problems.push(...validatePort(port.targetPort, `${field}.targetPort`));
  if (port.nodePort && !usesNodePorts(spec)) {
    problems.push(forbiddenField(`${field}.nodePort`, `may not be used when \`type\` is '${spec.type ?? ''}'`));
  }
  return problems;
}

function validateAffinity(spec: ServiceSpec): readonly FieldProblem[] {
  const problems = [...validateOneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity')];
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > AFFINITY_SECONDS_MAX)) {
    const detail = `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`;
    problems.push(invalidValue('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, detail));
  }
  return problems;
}

const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

function validateClusterIPs(spec: ServiceSpec): readonly FieldProblem[] {
  const ips = spec.clusterIPs ?? [];
  const [first = ''] = ips;
  if (!hasClusterIP(spec)) return ips.length === 0 ? [] : [forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services')];
  if (first !== (spec.clusterIP ?? '')) return [invalidValue('spec.clusterIPs', ips, 'first value must match `clusterIP`')];
  if (first === HEADLESS) {
    return usesNodePorts(spec) ? [invalidValue('spec.clusterIPs[0]', first, `may not be set to 'None' for ${spec.type} services`)] : [];
  }
  return ips.flatMap((ip, index) => (isIP(ip) === 0 ? [invalidValue(`spec.clusterIPs[${index}]`, ip, NOT_AN_ADDRESS)] : []));
}

function validateExternal(spec: ServiceSpec): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (spec.type === 'ExternalName') {
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') problems.push(required('spec.externalName'));
    else problems.push(...dns1123SubdomainProblems(name).map((problem) => invalidValue('spec.externalName', name, problem)));
  }
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    if (isIP(ip) === 0) problems.push(invalidValue(`spec.externalIPs[${index}]`, ip, NOT_AN_ADDRESS));
  }
  if (spec.externalTrafficPolicy) {
    const field = 'spec.externalTrafficPolicy';
    if (!isExternallyAccessible(spec)) {
      problems.push(invalidValue(field, spec.externalTrafficPolicy, 'may only be set for externally-accessible services'));
    } else problems.push(...validateOneOf(spec.externalTrafficPolicy, ['Cluster', 'Local'], field));
  }
  if (spec.internalTrafficPolicy) {
    problems.push(...validateOneOf(spec.internalTrafficPolicy, ['Cluster', 'Local'], 'spec.internalTrafficPolicy'));
  }
  return problems;
}

/** A Service keeps its address for life, unless it stops having one. */
export function validateServiceUpdate(service: Service, previous: Service): readonly FieldProblem[] {
  const [old] = previous.spec.clusterIPs ?? [];
  const [now] = service.spec.clusterIPs ?? [];
  if (!hasClusterIP(service.spec) || !hasClusterIP(previous.spec) || old === undefined || now === old) return [];
  return [invalidValue('spec.clusterIPs[0]', service.spec.clusterIPs ?? [], 'may not change once set')];
}

/** What the API server's allocator says of a node port out of its range. */
export function nodePortOutOfRange(index: number, nodePort: number, min: number, max: number): FieldProblem {
  const range = `provided port is not in the valid range. The range of valid ports is ${min}-${max}`;
  return invalidValue(`spec.ports[${index}].nodePort`, nodePort, nodePort > 65_535 ? inclusiveRangeMessage(1, 65_535) : range);
}

type TypedSpec = Pick<ServiceSpec, 'type'>;

/** Whether this type of Service has a cluster address (or is headless); an ExternalName is only a name. */
export function hasClusterIP({ type }: TypedSpec): boolean {
  return type !== 'ExternalName';
}

export function isHeadless(spec: Pick<ServiceSpec, 'clusterIP'>): boolean {
  return spec.clusterIP === HEADLESS;
}

export function usesNodePorts({ type }: TypedSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

function isExternallyAccessible(spec: ServiceSpec): boolean {
  return usesNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
}

/** Whether kube-proxy has something to do for it: it has an address of its own. */
export function isProxied(service: Service): boolean {
  return hasClusterIP(service.spec) && !isHeadless(service.spec) && Boolean(service.spec.clusterIP);
}
