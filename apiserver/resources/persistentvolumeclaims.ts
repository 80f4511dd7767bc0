/** PersistentVolumeClaims, as the API server serves them. */
import { applyClaimDefaults, validateClaim, validateClaimUpdate } from '#api/core/v1/persistent-volume-claim.ts';
import { persistentvolumeclaims as type } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { formatAccessModes, phaseOf, storageClassOf, UNSET } from './volume-columns.ts';

const isBound = ({ spec }: PersistentVolumeClaim) => Boolean(spec.volumeName);

export const persistentvolumeclaims = defineResource<PersistentVolumeClaim>(type, {
  shortNames: ['pvc'],
  columns: [
    nameColumn,
    textColumn('Status', 'Whether it has a volume.', ({ metadata, status }) => phaseOf(metadata, status?.phase)),
    textColumn('Volume', 'Its volume.', ({ spec }) => spec.volumeName ?? ''),
    textColumn('Capacity', 'How much that holds.', (claim) => (isBound(claim) ? (claim.status?.capacity?.storage ?? '0') : '')),
    textColumn('Access Modes', 'How many may use it, and how.', (claim) =>
      isBound(claim) ? formatAccessModes(claim.status?.accessModes) : '',
    ),
    textColumn('StorageClass', 'The class of volume it asks for.', ({ metadata, spec }) => storageClassOf(metadata, spec.storageClassName)),
    textColumn('VolumeAttributesClass', 'The class of attributes it asks for.', ({ spec }) => spec.volumeAttributesClassName ?? UNSET),
    ageColumn,
    wide(textColumn('VolumeMode', 'A file system, or a raw device.', ({ spec }) => spec.volumeMode ?? UNSET)),
  ],
  applyDefaults: applyClaimDefaults,
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  initialStatus: () => ({ phase: 'Pending' }),
});
