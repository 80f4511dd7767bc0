/** StorageVersionMigrations, as the API server serves them. Their controller writes objects anew. */
import { storageversionmigrations as type } from '#api/generated/resources.ts';
import type { StorageVersionMigration } from '#api/generated/types.ts';
import { validateMigration, validateMigrationStatus, validateMigrationUpdate } from '#api/storagemigration/v1/storage-version-migration.ts';
import { nameAndAge } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const storageversionmigrations = defineResource<StorageVersionMigration>(type, {
  columns: nameAndAge,
  validate: validateMigration,
  validateUpdate: (migration, previous, subresource) =>
    subresource === 'status' ? validateMigrationStatus(migration, previous) : validateMigrationUpdate(migration, previous),
});
