/** CSIStorageCapacities, as the API server serves them. */
import { csistoragecapacities as type } from '#api/generated/resources.ts';
import type { CSIStorageCapacity } from '#api/generated/types.ts';
import { validateCsiStorageCapacity, validateCsiStorageCapacityUpdate } from '#api/storage/v1/csi.ts';
import { nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { UNSET } from './volume-columns.ts';

export const csistoragecapacities = defineResource<CSIStorageCapacity>(type, {
  columns: [
    nameColumn,
    textColumn('StorageClassName', 'For volumes of which class.', ({ storageClassName }) => storageClassName),
    textColumn('Capacity', 'How much is left for them.', ({ capacity }) => capacity ?? UNSET),
  ],
  validate: validateCsiStorageCapacity,
  validateUpdate: validateCsiStorageCapacityUpdate,
});
