/** ConfigMaps, as the API server serves them. */

import { validateConfigMap, validateConfigMapUpdate } from '#api/core/v1/config-map.ts';
import { configmaps as type } from '#api/generated/resources.ts';
import type { ConfigMap } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const configmaps = defineResource<ConfigMap>(type, {
  shortNames: ['cm'],
  columns: [
    nameColumn,
    textColumn(
      'Data',
      'How many keys it has.',
      ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
    ),
    ageColumn,
  ],
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
});
