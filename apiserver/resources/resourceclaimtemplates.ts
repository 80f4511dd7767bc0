/** ResourceClaimTemplates, as the API server serves them. */
import { resourceclaimtemplates as type } from '#api/generated/resources.ts';
import type { ResourceClaimTemplate } from '#api/generated/types.ts';
import { applyClaimTemplateDefaults, validateClaimTemplate, validateClaimTemplateUpdate } from '#api/resource/v1/resource-claim.ts';
import { ageColumn, nameColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const resourceclaimtemplates = defineResource<ResourceClaimTemplate>(type, {
  columns: [nameColumn, ageColumn],
  applyDefaults: applyClaimTemplateDefaults,
  validate: validateClaimTemplate,
  validateUpdate: validateClaimTemplateUpdate,
});
