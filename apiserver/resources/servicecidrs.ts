/** ServiceCIDRs, as the API server serves them. The server itself makes the first one. */
import { servicecidrs as type } from '#api/generated/resources.ts';
import type { ServiceCIDR } from '#api/generated/types.ts';
import { validateServiceCidr, validateServiceCidrUpdate } from '#api/networking/v1/service-cidr.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const servicecidrs = defineResource<ServiceCIDR>(type, {
  columns: [nameColumn, textColumn('CIDRs', 'The ranges.', ({ spec }) => (spec.cidrs ?? []).join(',')), ageColumn],
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
  initialStatus: () => ({}),
});
