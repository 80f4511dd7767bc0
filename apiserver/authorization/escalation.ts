/**
 * Nobody may grant what they do not hold: checks a write of a role or binding against the writer's own rules. Called by the pipeline before such a
 * write is stored. Pure. Upstream: pkg/registry/rbac/{role,rolebinding,…}/policybased.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { ApiError, forbidden } from '#api/meta/status.ts';
import { missingRole, type RbacPolicy, type Subject } from './rbac-policy.ts';
import { formatRule, formatTexts, uncoveredRules } from './rule-matching.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** What aggregation may bring in is not known in advance, so whoever sets it must hold everything. */
const FULL_AUTHORITY: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

export interface RbacWrite<T> {
  readonly policy: RbacPolicy;
  readonly user: Subject;
  readonly object: T;
  /** Absent on create. */
  readonly previous?: T;
}

/** Why the user may not write this Role or ClusterRole; undefined when they may. */
export function findRoleEscalation({ policy, user, object, previous }: RbacWrite<Role | ClusterRole>): ApiError | undefined {
  const resource = object.kind === 'Role' ? 'roles' : 'clusterroles';
  const namespace = object.metadata.namespace ?? '';
  const { name } = object.metadata;
  if (previous && jsonEquals(previous.rules ?? [], object.rules ?? []) && jsonEquals(aggregationOf(previous), aggregationOf(object)))
    return undefined;
  if (may(policy, user, 'escalate', resource, namespace, name)) return undefined;
  const held = policy.rulesFor(user, namespace);
  if (aggregationOf(object) && uncoveredRules(held, FULL_AUTHORITY).length > 0) {
    return forbidden({ group: GROUP, plural: resource }, name, 'must have cluster-admin privileges to use the aggregationRule');
  }
  return refusal(user, held, object.rules ?? [], resource, name);
}

/** Why the user may not write this RoleBinding or ClusterRoleBinding; undefined when they may. */
export function findBindingEscalation({
  policy,
  user,
  object,
  previous,
}: RbacWrite<RoleBinding | ClusterRoleBinding>): ApiError | undefined {
  const namespace = object.metadata.namespace ?? '';
  const { roleRef } = object;
  const isUnchanged = previous && jsonEquals(previous.roleRef, roleRef) && jsonEquals(previous.subjects ?? [], object.subjects ?? []);
  if (isUnchanged || may(policy, user, 'bind', roleRef.kind === 'Role' ? 'roles' : 'clusterroles', namespace, roleRef.name))
    return undefined;
  const rules = policy.findRules(roleRef, namespace);
  if (!rules)
    return new ApiError('NotFound', missingRole(roleRef), {
      details: { name: roleRef.name, group: GROUP, kind: roleRef.kind.toLowerCase() },
    });
  const resource = object.kind === 'RoleBinding' ? 'rolebindings' : 'clusterrolebindings';
  return refusal(user, policy.rulesFor(user, namespace), rules, resource, object.metadata.name);
}

function refusal(
  user: Subject,
  held: readonly PolicyRule[],
  granted: readonly PolicyRule[],
  resource: string,
  name: string,
): ApiError | undefined {
  const missing = uncoveredRules(held, granted).map(formatRule).sort();
  if (missing.length === 0) return undefined;
  const who = `user ${JSON.stringify(user.name)} (groups=${formatTexts(user.groups)})`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${missing.join('\n')}`;
  return forbidden({ group: GROUP, plural: resource }, name, why);
}

function may(policy: RbacPolicy, user: Subject, verb: string, resource: string, namespace: string, name: string): boolean {
  return policy.authorize(user, { isResource: true, verb, group: GROUP, resource, subresource: '', namespace, name }).allowed;
}

function aggregationOf(role: Role | ClusterRole): ClusterRole['aggregationRule'] {
  return 'aggregationRule' in role ? role.aggregationRule : undefined;
}
