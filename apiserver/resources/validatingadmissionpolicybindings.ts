/** ValidatingAdmissionPolicyBindings, as the API server serves them. */
import { applyValidatingBindingDefaults, validateValidatingBinding } from '#api/admissionregistration/v1/validating-admission-policy.ts';
import { validatingadmissionpolicybindings as type } from '#api/generated/resources.ts';
import type { ValidatingAdmissionPolicyBinding } from '#api/generated/types.ts';
import { defineResource } from './define-resource.ts';
import { bindingColumns } from './policy-columns.ts';

export const validatingadmissionpolicybindings = defineResource<ValidatingAdmissionPolicyBinding>(type, {
  categories: ['api-extensions'],
  columns: bindingColumns(({ spec }) => spec),
  applyDefaults: applyValidatingBindingDefaults,
  validate: validateValidatingBinding,
  countedPart: ({ spec }) => spec,
});
