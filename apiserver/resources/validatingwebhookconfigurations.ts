/** ValidatingWebhookConfigurations, as the API server serves them. What follows from them is in `admission/webhooks/`. */
import { applyValidatingWebhookDefaults, validateValidatingWebhooks } from '#api/admissionregistration/v1/webhook-configuration.ts';
import { validatingwebhookconfigurations as type } from '#api/generated/resources.ts';
import type { ValidatingWebhookConfiguration } from '#api/generated/types.ts';
import { ageColumn, countColumn, nameColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const validatingwebhookconfigurations = defineResource<ValidatingWebhookConfiguration>(type, {
  categories: ['api-extensions'],
  columns: [nameColumn, countColumn('Webhooks', 'How many webhooks it names.', ({ webhooks = [] }) => webhooks.length), ageColumn],
  applyDefaults: applyValidatingWebhookDefaults,
  validate: validateValidatingWebhooks,
  countedPart: ({ webhooks = [] }) => webhooks,
});
