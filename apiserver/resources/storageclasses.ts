/** StorageClasses, as the API server serves them. */
import { storageclasses as type } from '#api/generated/resources.ts';
import type { StorageClass } from '#api/generated/types.ts';
import { applyStorageClassDefaults, validateStorageClass, validateStorageClassUpdate } from '#api/storage/v1/storage-class.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const DEFAULT_ANNOTATIONS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'] as const;

export const storageclasses = defineResource<StorageClass>(type, {
  shortNames: ['sc'],
  columns: [
    { ...nameColumn, value: ({ metadata }) => `${metadata.name}${isDefault(metadata.annotations) ? ' (default)' : ''}` },
    textColumn('Provisioner', 'Who makes its volumes.', ({ provisioner }) => provisioner),
    textColumn('ReclaimPolicy', 'What becomes of volumes after their claims.', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    textColumn('VolumeBindingMode', 'When claims get their volumes.', ({ volumeBindingMode }) => volumeBindingMode ?? ''),
    textColumn('AllowVolumeExpansion', 'Whether volumes may grow.', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
  applyDefaults: applyStorageClassDefaults,
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
});

function isDefault(annotations: Readonly<Record<string, string>> = {}): boolean {
  return DEFAULT_ANNOTATIONS.some((name) => annotations[name] === 'true');
}
