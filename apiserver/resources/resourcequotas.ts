/** ResourceQuotas, as the API server serves them. */
import { applyResourceQuotaDefaults, validateResourceQuota, validateResourceQuotaUpdate } from '#api/core/v1/resource-quota.ts';
import { resourcequotas as type } from '#api/generated/resources.ts';
import type { ResourceQuota } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const resourcequotas = defineResource<ResourceQuota>(type, {
  shortNames: ['quota'],
  columns: [
    nameColumn,
    textColumn('Request', 'What is asked for, of how much.', (quota) => usage(quota, (name) => !name.startsWith('limits'))),
    textColumn('Limit', 'What is allowed at most, of how much.', (quota) => usage(quota, (name) => name.startsWith('limits'))),
    ageColumn,
  ],
  applyDefaults: applyResourceQuotaDefaults,
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  initialStatus: () => ({}),
});

/** `cpu: 1/2, pods: 3/10` */
function usage({ status }: ResourceQuota, isShown: (name: string) => boolean): string {
  const names = Object.keys(status?.hard ?? {})
    .filter(isShown)
    .sort();
  return names.map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name] ?? '0'}`).join(', ');
}
