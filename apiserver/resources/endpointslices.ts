/** EndpointSlices, as the API server serves them. */

import { applyEndpointSliceDefaults, validateEndpointSlice, validateEndpointSliceUpdate } from '#api/discovery/v1/endpoint-slice.ts';
import { endpointslices as type } from '#api/generated/resources.ts';
import type { EndpointSlice } from '#api/generated/types.ts';
import { ageColumn, listWithMore, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const SHOWN_MAX = 3;
const UNSET = '<unset>';

export const endpointslices = defineResource<EndpointSlice>(type, {
  columns: [
    nameColumn,
    textColumn('AddressType', 'Family of the addresses.', (slice) => slice.addressType),
    textColumn('Ports', 'Ports of every endpoint.', (slice) => listWithMore(portList(slice), SHOWN_MAX, UNSET)),
    textColumn('Endpoints', 'Addresses of the endpoints.', (slice) => listWithMore(addressList(slice), SHOWN_MAX, UNSET)),
    ageColumn,
  ],
  applyDefaults: applyEndpointSliceDefaults,
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  countedPart: ({ endpoints, ports }) => [endpoints ?? [], ports ?? []],
});

function portList({ ports = [] }: EndpointSlice): readonly string[] {
  return ports.map(({ port, name }) => (port === undefined ? (name ?? '*') : `${port}`));
}

function addressList({ endpoints = [] }: EndpointSlice): readonly string[] {
  return endpoints.flatMap(({ addresses }) => addresses);
}
