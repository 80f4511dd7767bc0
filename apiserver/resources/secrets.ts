/** Secrets, as the API server serves them. */

import { applySecretDefaults, validateSecret, validateSecretUpdate } from '#api/core/v1/secret.ts';
import { secrets as type } from '#api/generated/resources.ts';
import type { Secret } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const secrets = defineResource<Secret>(type, {
  columns: [
    nameColumn,
    textColumn('Type', 'What the data is for.', (secret) => secret.type ?? ''),
    textColumn('Data', 'How many keys it has.', (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  applyDefaults: applySecretDefaults,
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  selectableFields: (secret) => ({ type: secret.type ?? '' }),
});
