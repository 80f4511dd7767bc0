/** Leases, as the API server serves them. */

import { validateLease } from '#api/coordination/v1/lease.ts';
import { leases as type } from '#api/generated/resources.ts';
import type { Lease } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const leases = defineResource<Lease>(type, {
  columns: [nameColumn, textColumn('Holder', 'Who holds it.', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
  validate: validateLease,
});
