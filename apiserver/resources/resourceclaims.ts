/** ResourceClaims, as the API server serves them. */
import { resourceclaims as type } from '#api/generated/resources.ts';
import type { ResourceResourceClaim } from '#api/generated/types.ts';
import { applyResourceClaimDefaults, validateResourceClaim, validateResourceClaimUpdate } from '#api/resource/v1/resource-claim.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const resourceclaims = defineResource<ResourceResourceClaim>(type, {
  columns: [nameColumn, textColumn('State', 'How far it has come.', stateOf), ageColumn],
  applyDefaults: applyResourceClaimDefaults,
  validate: validateResourceClaim,
  validateUpdate: validateResourceClaimUpdate,
});

/** `allocated,reserved` */
function stateOf({ metadata, status }: ResourceResourceClaim): string {
  const states = [
    metadata.deletionTimestamp === undefined ? '' : 'deleted',
    status?.allocation === undefined ? (metadata.deletionTimestamp === undefined ? 'pending' : '') : 'allocated',
    (status?.reservedFor ?? []).length === 0 ? '' : 'reserved',
  ];
  return states.filter((state) => state !== '').join(',');
}
