/**
 * Whether the server behind an APIService can be asked at all, as far as its Service and endpoints tell; what its answer is comes after that. Pure; called by
 * `apiserver/aggregation/`. Source: k8s.io/kube-aggregator, pkg/controllers/status/remote.
 */
import type { APIService, APIServiceCondition, ApiregistrationServiceReference, EndpointSlice, Service } from '../../generated/types.ts';
import { AVAILABLE } from './api-service.ts';

export interface AvailabilitySnapshot {
  readonly reference: ApiregistrationServiceReference;
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
}

/** Undefined when nothing speaks against asking the server itself. */
export function findUnavailability({ reference, service, slices }: AvailabilitySnapshot): APIServiceCondition | undefined {
  const { name = '', namespace = '', port } = reference;
  const place = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return unavailable('ServiceNotFound', `${place} is not present`);
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (found === undefined) return unavailable('ServicePortError', `${place} is not listening on port ${port}`);
  if (slices.length === 0) return unavailable('EndpointsNotFound', `cannot find endpointslices for ${place}`);
  const portName = found.name ?? '';
  if (slices.some((slice) => hasReady(slice, portName))) return undefined;
  return unavailable('MissingEndpoints', `endpointslices for ${place} have no addresses with port name ${JSON.stringify(portName)}`);
}

export function failedDiscovery(message: string): APIServiceCondition {
  return unavailable('FailedDiscoveryCheck', message);
}

export const passed: APIServiceCondition = { type: AVAILABLE, status: 'True', reason: 'Passed', message: 'all checks passed' };

/** The endpoints that answer for a Service's port: address and port of each. */
export function endpointsOf(port: number, service: Service, slices: readonly EndpointSlice[]) {
  const portName = service.spec?.ports?.find((one) => one.port === port)?.name ?? '';
  return slices.flatMap((slice) => {
    const target = slice.ports?.find(({ name = '' }) => name === portName)?.port;
    if (target === undefined) return [];
    return (slice.endpoints ?? [])
      .filter(isReady)
      .flatMap(({ addresses: [address] }) => (address === undefined ? [] : [{ address, port: target }]));
  });
}

/** The group version that is behind an APIService, as discovery paths name it. */
export function discoveryPath({ spec }: APIService): string {
  return `/apis/${spec.group ?? ''}/${spec.version ?? ''}`;
}

function hasReady({ endpoints = [], ports = [] }: EndpointSlice, portName: string): boolean {
  return endpoints.some(isReady) && ports.some(({ name = '', port }) => name === portName && port !== undefined);
}

function isReady({ conditions }: { readonly conditions?: { readonly ready?: boolean } }): boolean {
  return conditions?.ready !== false;
}

function unavailable(reason: string, message: string): APIServiceCondition {
  return { type: AVAILABLE, status: 'False', reason, message };
}
