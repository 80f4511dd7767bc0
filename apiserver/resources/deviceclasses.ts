/** DeviceClasses, as the API server serves them. */
import { deviceclasses as type } from '#api/generated/resources.ts';
import type { DeviceClass } from '#api/generated/types.ts';
import { validateDeviceClass } from '#api/resource/v1/device-class.ts';
import { ageColumn, nameColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const deviceclasses = defineResource<DeviceClass>(type, {
  columns: [nameColumn, ageColumn],
  validate: validateDeviceClass,
  countedPart: ({ spec }) => spec,
});
