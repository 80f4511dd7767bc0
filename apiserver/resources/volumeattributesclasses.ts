/** VolumeAttributesClasses, as the API server serves them. */
import { volumeattributesclasses as type } from '#api/generated/resources.ts';
import type { VolumeAttributesClass } from '#api/generated/types.ts';
import { validateVolumeAttributesClass, validateVolumeAttributesClassUpdate } from '#api/storage/v1/storage-class.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const volumeattributesclasses = defineResource<VolumeAttributesClass>(type, {
  shortNames: ['vac'],
  columns: [nameColumn, textColumn('DriverName', 'Whose volumes have these attributes.', ({ driverName }) => driverName), ageColumn],
  validate: validateVolumeAttributesClass,
  validateUpdate: validateVolumeAttributesClassUpdate,
});
