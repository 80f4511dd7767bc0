/** Builders for roles, bindings and requests; a test names only what matters to it. */
import type { ClusterRole, ClusterRoleBinding, ObjectMeta, PolicyRule, Role, RoleBinding } from '#api/generated/types.ts';
import { compilePolicy, type RbacObjects, type RbacPolicy } from '../rbac-policy.ts';
import type { AccessRequest } from '../rule-matching.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';

export function aMeta(parts: { readonly name: string } & Partial<ObjectMeta>): ObjectMeta {
  return { uid: 'b6d1c2f0-0000-4000-8000-000000000000', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...parts };
}

export function aRule(parts: Partial<PolicyRule> = {}): PolicyRule {
  return { apiGroups: [''], resources: ['pods'], verbs: ['get'], ...parts };
}

export function aRole(name: string, rules: readonly PolicyRule[], namespace = 'default'): Role {
  return { apiVersion, kind: 'Role', metadata: aMeta({ name, namespace }), rules };
}

export function aClusterRole(name: string, rules: readonly PolicyRule[], labels: Readonly<Record<string, string>> = {}): ClusterRole {
  return { apiVersion, kind: 'ClusterRole', metadata: aMeta({ name, labels }), rules };
}

export function aRoleBinding(name: string, role: string, userName: string, kind = 'Role', namespace = 'default'): RoleBinding {
  const subjects = [{ apiGroup, kind: 'User', name: userName }];
  return { apiVersion, kind: 'RoleBinding', metadata: aMeta({ name, namespace }), roleRef: { apiGroup, kind, name: role }, subjects };
}

export function aClusterRoleBinding(
  name: string,
  role: string,
  subject: { readonly kind: string; readonly name: string },
): ClusterRoleBinding {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: aMeta({ name }),
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [subject],
  };
}

export function aPolicy(objects: Partial<RbacObjects>): RbacPolicy {
  return compilePolicy({ roles: [], clusterRoles: [], roleBindings: [], clusterRoleBindings: [], ...objects });
}

/** `get pods` in `default`, unless said otherwise. */
export function aRequest(parts: Partial<Extract<AccessRequest, { isResource: true }>> = {}): AccessRequest {
  return { isResource: true, verb: 'get', group: '', resource: 'pods', subresource: '', namespace: 'default', name: '', ...parts };
}
