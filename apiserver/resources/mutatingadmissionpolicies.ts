/** MutatingAdmissionPolicies, as the API server serves them. What they change is `admission/policies/`'s. */
import { applyMutatingPolicyDefaults, validateMutatingPolicy } from '#api/admissionregistration/v1/mutating-admission-policy.ts';
import { mutatingadmissionpolicies as type } from '#api/generated/resources.ts';
import type { MutatingAdmissionPolicy } from '#api/generated/types.ts';
import { countColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { policyColumns } from './policy-columns.ts';

export const mutatingadmissionpolicies = defineResource<MutatingAdmissionPolicy>(type, {
  categories: ['api-extensions'],
  columns: policyColumns(
    countColumn('Mutations', 'How many changes the policy makes.', ({ spec }) => spec.mutations?.length ?? 0),
    ({ spec }) => spec.paramKind,
  ),
  applyDefaults: applyMutatingPolicyDefaults,
  validate: validateMutatingPolicy,
  countedPart: ({ spec }) => spec,
});
