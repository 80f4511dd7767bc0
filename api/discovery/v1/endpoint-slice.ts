/** EndpointSlices: defaults, rules, and the labels that tie them to their Service. */
import { isIP } from 'node:net';
import { protocols } from '../../core/v1/container.ts';
import { validateEndpointIP } from '../../core/v1/endpoints.ts';
import type { Endpoint, EndpointSlice } from '../../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../../meta/field-path.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';

/** Names the Service whose endpoints a slice holds. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Names who keeps the slice up to date; nobody else may touch it. */
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

const ENDPOINTS_MAX = 1000;
const PORTS_MAX = 20_000;
const ADDRESSES_MAX = 100;

export function applyEndpointSliceDefaults(slice: EndpointSlice): EndpointSlice {
  const ports = slice.ports?.map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol || 'TCP' }));
  return withDefined(slice, { ports });
}

export function validateEndpointSlice(slice: EndpointSlice): readonly FieldProblem[] {
  const endpoints = slice.endpoints ?? [];
  const problems = [
    ...validateObjectMeta(slice.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateOneOf(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType'),
  ];
  if (endpoints.length > ENDPOINTS_MAX) return [...problems, tooMany('endpoints', endpoints.length, ENDPOINTS_MAX)];
  problems.push(...endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, slice.addressType, `endpoints[${index}]`)));
  return [...problems, ...validatePorts(slice)];
}

function validateEndpoint(endpoint: Endpoint, addressType: string, field: string): readonly FieldProblem[] {
  const { addresses } = endpoint;
  if (addresses.length === 0) return [required(`${field}.addresses`, 'must contain at least 1 address')];
  if (addresses.length > ADDRESSES_MAX) return [tooMany(`${field}.addresses`, addresses.length, ADDRESSES_MAX)];
  const problems = addresses.flatMap((address, index) => validateAddress(address, addressType, `${field}.addresses[${index}]`));
  const { hostname } = endpoint;
  if (hostname) problems.push(...dns1123LabelProblems(hostname).map((problem) => invalidValue(`${field}.hostname`, hostname, problem)));
  return problems;
}

function validateAddress(address: string, addressType: string, field: string): readonly FieldProblem[] {
  if (addressType === 'FQDN') return dns1123SubdomainProblems(address).map((problem) => invalidValue(field, address, problem));
  const [version, name] = addressType === 'IPv4' ? [4, 'IPv4'] : [6, 'IPv6'];
  return isIP(address) === version ? validateEndpointIP(address, field) : [invalidValue(field, address, `must be a valid ${name} address`)];
}

function validatePorts(slice: EndpointSlice): readonly FieldProblem[] {
  const ports = slice.ports ?? [];
  if (ports.length > PORTS_MAX) return [tooMany('ports', ports.length, PORTS_MAX)];
  const names = ports.map(({ name }) => name ?? '');
  return ports.flatMap(({ name = '', port, protocol }, index) => {
    const field = `ports[${index}]`;
    const problems = name === '' ? [] : dns1123LabelProblems(name).map((problem) => invalidValue(`${field}.name`, name, problem));
    if (names.indexOf(name) < index) problems.push(duplicate(`${field}.name`, name));
    if (port !== undefined) problems.push(...portNumberProblems(port).map((problem) => invalidValue(`${field}.port`, port, problem)));
    return [...problems, ...validateOneOf(protocol, protocols, `${field}.protocol`)];
  });
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, previous: EndpointSlice): readonly FieldProblem[] {
  return validateImmutable(slice.addressType, previous.addressType, 'addressType');
}

/** Takes traffic: absent means yes. */
export function isEndpointReady(endpoint: Endpoint): boolean {
  return endpoint.conditions?.ready ?? true;
}

/** Still answers, even while it terminates; what is used when nothing is ready. */
export function isEndpointServing(endpoint: Endpoint): boolean {
  return endpoint.conditions?.serving ?? isEndpointReady(endpoint);
}

export function isEndpointTerminating(endpoint: Endpoint): boolean {
  return endpoint.conditions?.terminating ?? false;
}
