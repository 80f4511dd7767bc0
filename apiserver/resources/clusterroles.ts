/** ClusterRoles, as the API server serves them. */
import { clusterroles as type } from '#api/generated/resources.ts';
import type { ClusterRole } from '#api/generated/types.ts';
import { validateClusterRole } from '#api/rbac/v1/role.ts';
import { defineResource } from './define-resource.ts';

export const clusterroles = defineResource<ClusterRole>(type, { validate: validateClusterRole });
