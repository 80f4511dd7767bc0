/** MutatingAdmissionPolicyBindings, as the API server serves them. */
import { applyMutatingBindingDefaults, validateMutatingBinding } from '#api/admissionregistration/v1/mutating-admission-policy.ts';
import { mutatingadmissionpolicybindings as type } from '#api/generated/resources.ts';
import type { MutatingAdmissionPolicyBinding } from '#api/generated/types.ts';
import { defineResource } from './define-resource.ts';
import { bindingColumns } from './policy-columns.ts';

export const mutatingadmissionpolicybindings = defineResource<MutatingAdmissionPolicyBinding>(type, {
  categories: ['api-extensions'],
  columns: bindingColumns(({ spec }) => spec),
  applyDefaults: applyMutatingBindingDefaults,
  validate: validateMutatingBinding,
  countedPart: ({ spec }) => spec,
});
