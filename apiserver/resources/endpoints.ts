/** Endpoints, as the API server serves them. */

import { applyEndpointsDefaults, validateEndpoints } from '#api/core/v1/endpoints.ts';
import { endpoints as type } from '#api/generated/resources.ts';
import type { Endpoints } from '#api/generated/types.ts';
import { ageColumn, listWithMore, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const SHOWN_MAX = 3;

export const endpoints = defineResource<Endpoints>(type, {
  shortNames: ['ep'],
  columns: [
    nameColumn,
    textColumn('Endpoints', 'Addresses and ports that take traffic.', (object) => listWithMore(addressList(object), SHOWN_MAX, NONE)),
    ageColumn,
  ],
  applyDefaults: applyEndpointsDefaults,
  validate: validateEndpoints,
});

function addressList({ subsets = [] }: Endpoints): readonly string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) => {
    const ips = addresses.map(({ ip }) => ip);
    if (ports.length === 0) return ips;
    return ports.flatMap(({ port }) => ips.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
  });
}
