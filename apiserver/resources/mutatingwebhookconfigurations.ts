/** MutatingWebhookConfigurations, as the API server serves them. What follows from them is in `admission/webhooks/`. */
import { applyMutatingWebhookDefaults, validateMutatingWebhooks } from '#api/admissionregistration/v1/webhook-configuration.ts';
import { mutatingwebhookconfigurations as type } from '#api/generated/resources.ts';
import type { MutatingWebhookConfiguration } from '#api/generated/types.ts';
import { ageColumn, countColumn, nameColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const mutatingwebhookconfigurations = defineResource<MutatingWebhookConfiguration>(type, {
  categories: ['api-extensions'],
  columns: [nameColumn, countColumn('Webhooks', 'How many webhooks it names.', ({ webhooks = [] }) => webhooks.length), ageColumn],
  applyDefaults: applyMutatingWebhookDefaults,
  validate: validateMutatingWebhooks,
  countedPart: ({ webhooks = [] }) => webhooks,
});
