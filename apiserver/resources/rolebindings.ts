/** RoleBindings, as the API server serves them. */
import { rolebindings as type } from '#api/generated/resources.ts';
import type { RoleBinding } from '#api/generated/types.ts';
import { applyBindingDefaults, validateBindingUpdate, validateRoleBinding } from '#api/rbac/v1/role-binding.ts';
import { bindingColumns } from './binding-columns.ts';
import { defineResource } from './define-resource.ts';

export const rolebindings = defineResource<RoleBinding>(type, {
  columns: bindingColumns,
  applyDefaults: applyBindingDefaults,
  validate: validateRoleBinding,
  validateUpdate: validateBindingUpdate,
});
