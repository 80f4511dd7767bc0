/** ServiceAccounts, as the API server serves them. */

import { validateServiceAccount } from '#api/core/v1/service-account.ts';
import { serviceaccounts as type } from '#api/generated/resources.ts';
import type { ServiceAccount } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const serviceaccounts = defineResource<ServiceAccount>(type, {
  shortNames: ['sa'],
  columns: [nameColumn, textColumn('Secrets', 'How many Secrets belong to it.', (account) => (account.secrets ?? []).length), ageColumn],
  validate: validateServiceAccount,
});
