/** PersistentVolumes, as the API server serves them. */
import { applyVolumeDefaults, validateVolume, validateVolumeUpdate } from '#api/core/v1/persistent-volume.ts';
import { persistentvolumes as type } from '#api/generated/resources.ts';
import type { PersistentVolume } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { formatAccessModes, phaseOf, storageClassOf, UNSET } from './volume-columns.ts';

export const persistentvolumes = defineResource<PersistentVolume>(type, {
  shortNames: ['pv'],
  columns: [
    nameColumn,
    textColumn('Capacity', 'How much it holds.', ({ spec }) => spec.capacity?.storage ?? '0'),
    textColumn('Access Modes', 'How many may use it, and how.', ({ spec }) => formatAccessModes(spec.accessModes)),
    textColumn('Reclaim Policy', 'What becomes of it after its claim.', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    textColumn('Status', 'Whether it is free, bound or released.', ({ metadata, status }) => phaseOf(metadata, status?.phase)),
    textColumn('Claim', 'Who has it.', claimOf),
    textColumn('StorageClass', 'Its class.', ({ metadata, spec }) => storageClassOf(metadata, spec.storageClassName)),
    textColumn('VolumeAttributesClass', 'The class of its attributes.', ({ spec }) => spec.volumeAttributesClassName ?? UNSET),
    textColumn('Reason', 'Why it is in that state.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide(textColumn('VolumeMode', 'A file system, or a raw device.', ({ spec }) => spec.volumeMode ?? UNSET)),
  ],
  applyDefaults: applyVolumeDefaults,
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  initialStatus: () => ({ phase: 'Pending' }),
});

function claimOf({ spec: { claimRef } }: PersistentVolume): string {
  return claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`;
}
