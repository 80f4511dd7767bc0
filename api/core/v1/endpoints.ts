/** Endpoints: the old form of EndpointSlices, one object per Service. Defaults and rules. */
import { isIP } from 'node:net';
import type { EndpointSubset, Endpoints } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { protocols } from './container.ts';

export function applyEndpointsDefaults(endpoints: Endpoints): Endpoints {
  const subsets = endpoints.subsets?.map((subset) =>
    withDefined(subset, { ports: subset.ports?.map((port) => ({ ...port, protocol: port.protocol || 'TCP' })) }),
  );
  return withDefined(endpoints, { subsets });
}

export function validateEndpoints(endpoints: Endpoints): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(endpoints.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...(endpoints.subsets ?? []).flatMap((subset, index) => validateSubset(subset, `subsets[${index}]`)),
  ];
}

function validateSubset(subset: EndpointSubset, field: string): readonly FieldProblem[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  const problems: FieldProblem[] = [];
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    problems.push(required(field, 'must specify `addresses` or `notReadyAddresses`'));
  }
  const all = [
    ...addresses.map(({ ip }, index) => [`${field}.addresses[${index}].ip`, ip] as const),
    ...notReadyAddresses.map(({ ip }, index) => [`${field}.notReadyAddresses[${index}].ip`, ip] as const),
  ];
  problems.push(...all.flatMap(([path, ip]) => validateEndpointIP(ip, path)));
  for (const [index, port] of ports.entries()) {
    const path = `${field}.ports[${index}]`;
    if (!port.name && ports.length > 1) problems.push(required(`${path}.name`));
    if (port.name) problems.push(...dns1123LabelProblems(port.name).map((problem) => invalidValue(`${path}.name`, port.name, problem)));
    problems.push(...portNumberProblems(port.port).map((problem) => invalidValue(`${path}.port`, port.port, problem)));
    problems.push(...validateOneOf(port.protocol, protocols, `${path}.protocol`));
  }
  return problems;
}

/** An endpoint must be reachable from other nodes, and must not be the node itself in disguise. */
export function validateEndpointIP(ip: string, field: string): readonly FieldProblem[] {
  if (isIP(ip) === 0) return [invalidValue(field, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  if (ip === '0.0.0.0' || ip === '::') return [invalidValue(field, ip, 'may not be unspecified (0.0.0.0 or ::)')];
  if (ip.startsWith('127.') || ip === '::1') return [invalidValue(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  if (ip.startsWith('169.254.') || ip.toLowerCase().startsWith('fe80:')) {
    return [invalidValue(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  }
  if (ip.startsWith('224.0.0.') || ip.toLowerCase().startsWith('ff02:')) {
    return [invalidValue(field, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')];
  }
  return [];
}
