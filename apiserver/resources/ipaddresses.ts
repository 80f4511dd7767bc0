/** IPAddresses, as the API server serves them: the reservations that `service-addresses.ts` makes for Services. */
import { ipaddresses as type } from '#api/generated/resources.ts';
import type { IPAddress } from '#api/generated/types.ts';
import { validateIpAddress, validateIpAddressUpdate } from '#api/networking/v1/service-cidr.ts';
import { nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const ipaddresses = defineResource<IPAddress>(type, {
  shortNames: ['ip'],
  columns: [nameColumn, textColumn('ParentRef', 'Who has it.', parentOf)],
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
});

/** `services/default/web` */
function parentOf({ spec: { parentRef } }: IPAddress): string {
  const { group = '', resource, namespace, name } = parentRef;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  return [qualified?.toLowerCase(), namespace, name].filter((part) => part).join('/');
}
