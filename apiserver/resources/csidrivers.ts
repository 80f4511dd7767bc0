/** CSIDrivers, as the API server serves them. */
import { csidrivers as type } from '#api/generated/resources.ts';
import type { CSIDriver } from '#api/generated/types.ts';
import { applyCsiDriverDefaults, validateCsiDriver, validateCsiDriverUpdate } from '#api/storage/v1/csi.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import type { Column } from './resource-definition.ts';
import { UNSET } from './volume-columns.ts';

function switchColumn(
  name: string,
  description: string,
  field: 'attachRequired' | 'podInfoOnMount' | 'storageCapacity' | 'requiresRepublish',
): Column<CSIDriver> {
  return { name, type: 'boolean', description, value: ({ spec }) => spec[field] ?? field === 'attachRequired' };
}

export const csidrivers = defineResource<CSIDriver>(type, {
  columns: [
    nameColumn,
    switchColumn('AttachRequired', 'Whether volumes are attached to nodes before they are mounted.', 'attachRequired'),
    switchColumn('PodInfoOnMount', 'Whether the driver is told which pod it mounts for.', 'podInfoOnMount'),
    switchColumn('StorageCapacity', 'Whether the scheduler looks at what the driver has left.', 'storageCapacity'),
    textColumn('TokenRequests', 'For which audiences it needs tokens.', tokenAudiences),
    switchColumn('RequiresRepublish', 'Whether it is called again and again for a mounted volume.', 'requiresRepublish'),
    textColumn('Modes', 'Which kinds of volumes it makes.', ({ spec }) => spec.volumeLifecycleModes?.join(',') || NONE),
    ageColumn,
  ],
  applyDefaults: applyCsiDriverDefaults,
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
  countedPart: ({ spec }) => spec,
});

function tokenAudiences({ spec }: CSIDriver): string {
  return spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? UNSET;
}
