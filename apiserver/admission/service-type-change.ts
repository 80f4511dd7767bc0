/**
 * A Service that changes its type leaves behind what only the old type can have, if its client merely carried it along (`kubectl edit`, `kubectl patch`). What
 * the client changed itself stays, for validation to refuse. Source: upstream's pkg/registry/core/service/strategy.go (dropTypeDependentFields).
 */
import { usesNodePorts } from '#api/core/v1/service.ts';
import { services } from '#api/generated/resources.ts';
import type { Service, ServicePort, ServiceSpec } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { isOfType } from '../encoding/json-value.ts';
import { allocatesNodePorts, nodePortsOf } from '../service-plan.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

export const serviceTypeChange: AdmissionPlugin = {
  name: 'ServiceTypeChange',
  mutate: (request) => {
    const { object: service, previous } = request;
    if (!isMainResource(request) || !isOfType(services, service) || previous === undefined || !isOfType(services, previous)) return service;
    return withoutFields(withoutCarriedPorts(service, previous), previous);
  },
};

function withoutCarriedPorts(service: Service, previous: Service): Service {
  if (allocatesNodePorts(service) || !allocatesNodePorts(previous)) return service;
  const carried = new Set(nodePortsOf(previous));
  const ports = (service.spec.ports ?? []).map((port) => (carried.has(port.nodePort ?? 0) ? withoutNodePort(port) : port));
  return { ...service, spec: { ...service.spec, ports } };
}

function withoutNodePort({ nodePort: _, ...port }: ServicePort): ServicePort {
  return port;
}

type Field = 'externalTrafficPolicy' | 'healthCheckNodePort' | 'allocateLoadBalancerNodePorts' | 'loadBalancerClass';

const isExternallyAccessible = (spec: ServiceSpec) => usesNodePorts(spec) || (spec.externalIPs ?? []).length > 0;
const isLoadBalancer = ({ type }: ServiceSpec) => type === 'LoadBalancer';

const fields: readonly { readonly field: Field; isFor(spec: ServiceSpec): boolean }[] = [
  { field: 'externalTrafficPolicy', isFor: isExternallyAccessible },
  { field: 'healthCheckNodePort', isFor: (spec) => isLoadBalancer(spec) && spec.externalTrafficPolicy === 'Local' },
  { field: 'allocateLoadBalancerNodePorts', isFor: isLoadBalancer },
  { field: 'loadBalancerClass', isFor: isLoadBalancer },
];

function withoutFields(service: Service, previous: Service): Service {
  const dropped = fields.filter(
    ({ field, isFor }) =>
      isFor(previous.spec) && !isFor(service.spec) && jsonEquals(service.spec[field] ?? null, previous.spec[field] ?? null),
  );
  const entries = Object.entries(service.spec).filter(([name]) => !dropped.some(({ field }) => field === name));
  return dropped.length === 0 ? service : { ...service, spec: Object.fromEntries(entries) };
}
