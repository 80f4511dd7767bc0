/** ResourceSlices, as the API server serves them. */
import { resourceslices as type } from '#api/generated/resources.ts';
import type { ResourceSlice } from '#api/generated/types.ts';
import { validateResourceSlice, validateResourceSliceUpdate } from '#api/resource/v1/resource-slice.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { UNSET } from './volume-columns.ts';

export const resourceslices = defineResource<ResourceSlice>(type, {
  columns: [
    nameColumn,
    textColumn('Node', 'Where the devices are.', ({ spec }) => spec.nodeName ?? UNSET),
    textColumn('Driver', 'Who has them.', ({ spec }) => spec.driver),
    textColumn('Pool', 'What they are a part of.', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  validate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
  countedPart: ({ spec }) => spec,
  selectableFields: ({ spec }) => ({ 'spec.nodeName': spec.nodeName ?? '', 'spec.driver': spec.driver }),
});
