/** Services, as the API server serves them. Addresses and node ports come from the allocator, not from here. */

import { applyServiceDefaults, keepAllocations, validateService, validateServiceUpdate } from '#api/core/v1/service.ts';
import { services as type } from '#api/generated/resources.ts';
import type { Service, ServicePort } from '#api/generated/types.ts';
import { formatLabels } from '#api/meta/label-selector.ts';
import { ageColumn, NONE, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const services = defineResource<Service>(type, {
  shortNames: ['svc'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn('Type', 'Who can reach the Service, and how.', (service) => service.spec.type ?? ''),
    textColumn('Cluster-IP', 'The address inside the cluster.', (service) => service.spec.clusterIP || NONE),
    textColumn('External-IP', 'Addresses or names outside the cluster.', externalAddress),
    textColumn('Port(s)', 'Ports, with the node port after a colon.', (service) => portList(service.spec.ports ?? [])),
    ageColumn,
    wide(textColumn('Selector', 'Which pods are behind it.', (service) => formatLabels(service.spec.selector))),
  ],
  applyDefaults: applyServiceDefaults,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  initialStatus: () => ({ loadBalancer: {} }),
  prepareForUpdate: keepAllocations,
  selectableFields: ({ spec }) => ({ 'spec.clusterIP': spec.clusterIP ?? '', 'spec.type': spec.type ?? '' }),
});

function externalAddress({ spec, status }: Service): string {
  const own = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return own.length === 0 ? NONE : own.join(',');
  const balanced = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((text) => text !== '');
  const all = [...[...new Set(balanced)].sort(), ...own];
  return all.length === 0 ? '<pending>' : all.join(',');
}

function portList(ports: readonly ServicePort[]): string {
  if (ports.length === 0) return NONE;
  return ports.map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol ?? 'TCP'}`).join(',');
}
