/** ClusterRoleBindings, as the API server serves them. */
import { clusterrolebindings as type } from '#api/generated/resources.ts';
import type { ClusterRoleBinding } from '#api/generated/types.ts';
import { applyBindingDefaults, validateBindingUpdate, validateClusterRoleBinding } from '#api/rbac/v1/role-binding.ts';
import { bindingColumns } from './binding-columns.ts';
import { defineResource } from './define-resource.ts';

export const clusterrolebindings = defineResource<ClusterRoleBinding>(type, {
  columns: bindingColumns,
  applyDefaults: applyBindingDefaults,
  validate: validateClusterRoleBinding,
  validateUpdate: validateBindingUpdate,
});
