/** ValidatingAdmissionPolicies, as the API server serves them. What they refuse is `admission/policies/`'s. */
import {
  applyValidatingPolicyDefaults,
  validateValidatingPolicy,
  validateValidatingPolicyStatus,
} from '#api/admissionregistration/v1/validating-admission-policy.ts';
import { validatingadmissionpolicies as type } from '#api/generated/resources.ts';
import type { ValidatingAdmissionPolicy } from '#api/generated/types.ts';
import { countColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { policyColumns } from './policy-columns.ts';

export const validatingadmissionpolicies = defineResource<ValidatingAdmissionPolicy>(type, {
  categories: ['api-extensions'],
  columns: policyColumns(
    countColumn('Validations', 'How many rules the policy has.', ({ spec }) => spec.validations?.length ?? 0),
    ({ spec }) => spec.paramKind,
  ),
  applyDefaults: applyValidatingPolicyDefaults,
  validate: validateValidatingPolicy,
  validateUpdate: ({ status }, _previous, subresource) => (subresource === 'status' ? validateValidatingPolicyStatus(status ?? {}) : []),
  countedPart: ({ spec }) => spec,
});
