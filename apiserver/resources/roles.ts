/** Roles, as the API server serves them. */
import { roles as type } from '#api/generated/resources.ts';
import type { Role } from '#api/generated/types.ts';
import { validateRole } from '#api/rbac/v1/role.ts';
import { defineResource } from './define-resource.ts';

export const roles = defineResource<Role>(type, { validate: validateRole });
