/**
 * Roles and bindings as one value to ask: who may do what, and through which binding. Compiled whenever one of them changes and then only read,
 * by every request; a question costs a look-up per group of the user and a walk over the rules found. Pure.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject, Role, RoleBinding } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { type AccessRequest, ruleAllows } from './rule-matching.ts';

export interface Subject {
  readonly name: string;
  readonly groups: readonly string[];
}

/** The reason of a refusal is empty unless something is wrong with the policy itself, such as a binding to a role that is gone. */
export type Decision = { readonly allowed: true; readonly reason: string } | { readonly allowed: false; readonly reason: string };

export interface RbacObjects {
  readonly roles: Iterable<Role>;
  readonly clusterRoles: Iterable<ClusterRole>;
  readonly roleBindings: Iterable<RoleBinding>;
  readonly clusterRoleBindings: Iterable<ClusterRoleBinding>;
}

export interface RbacPolicy {
  authorize(user: Subject, request: AccessRequest): Decision;
  /** All rules that apply to the user, cluster-wide and in the namespace (empty for none). */
  rulesFor(user: Subject, namespace: string): readonly PolicyRule[];
  /** The rules of the role that a binding refers to; `namespace` is the binding's. Undefined when there is no such role. */
  findRules(roleRef: { readonly kind: string; readonly name: string }, namespace: string): readonly PolicyRule[] | undefined;
}

/** Members may do everything, whatever the policy says, so that a broken policy can be mended. Upstream's privileged group. */
const PRIVILEGED_GROUP = 'system:masters';
const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

interface Grant {
  /** Undefined when the role is gone. */
  readonly rules: readonly PolicyRule[] | undefined;
  /** Why it applies, or, without rules, what is wrong. */
  readonly reason: string;
}

type GrantsBySubject = Map<string, Grant[]>;

export function compilePolicy(objects: RbacObjects): RbacPolicy {
  const clusterRoles = new Map([...objects.clusterRoles].map((role) => [role.metadata.name, role]));
  const clusterRules = new Map([...clusterRoles.values()].map((role) => [role.metadata.name, effectiveRules(role, clusterRoles)]));
  const roleRules = new Map([...objects.roles].map((role) => [`${role.metadata.namespace}/${role.metadata.name}`, role.rules ?? []]));

  const findRules: RbacPolicy['findRules'] = ({ kind, name }, namespace) =>
    kind === 'ClusterRole' ? clusterRules.get(name) : roleRules.get(`${namespace}/${name}`);

  const clusterGrants: GrantsBySubject = new Map();
  for (const binding of objects.clusterRoleBindings) addGrants(clusterGrants, binding, findRules);
  const namespaceGrants = new Map<string, GrantsBySubject>();
  for (const binding of objects.roleBindings) {
    addGrants(
      namespaceGrants.getOrInsertComputed(binding.metadata.namespace ?? '', () => new Map()),
      binding,
      findRules,
    );
  }

  /** The namespace's grants are looked up only when none of the cluster's has settled it. */
  function* grantsOf(user: Subject, namespace: string): Iterable<Grant> {
    const keys = subjectKeysOf(user);
    for (const key of keys) yield* clusterGrants.get(key) ?? [];
    const grants = namespace === '' ? undefined : namespaceGrants.get(namespace);
    if (grants) for (const key of keys) yield* grants.get(key) ?? [];
  }

  return {
    findRules,
    authorize: (user, request) => {
      if (user.groups.includes(PRIVILEGED_GROUP)) return { allowed: true, reason: '' };
      const problems = new Set<string>();
      for (const { rules, reason } of grantsOf(user, request.isResource ? request.namespace : '')) {
        if (!rules) problems.add(reason);
        else if (rules.some((rule) => ruleAllows(rule, request))) return { allowed: true, reason: `RBAC: allowed by ${reason}` };
      }
      return { allowed: false, reason: formatProblems([...problems]) };
    },
    rulesFor: (user, namespace) => {
      if (user.groups.includes(PRIVILEGED_GROUP)) return EVERYTHING;
      return [...grantsOf(user, namespace)].flatMap((grant) => grant.rules ?? []);
    },
  };
}

/** `RBAC: [role.rbac.authorization.k8s.io "a" not found, …]` */
function formatProblems(problems: readonly string[]): string {
  if (problems.length === 0) return '';
  return `RBAC: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`;
}

/**
 * A role's own rules and those of the roles it aggregates, and of the ones these aggregate. Upstream's controller copies them into the role;
 * here they apply as soon as the other role is there.
 */
function effectiveRules(role: ClusterRole, all: ReadonlyMap<string, ClusterRole>, seen = new Set<string>()): readonly PolicyRule[] {
  seen.add(role.metadata.name);
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(compileLabelSelector);
  if (selectors.length === 0) return role.rules ?? [];
  const aggregated = [...all.values()].filter(
    (other) => !seen.has(other.metadata.name) && selectors.some((matches) => matches(other.metadata.labels)),
  );
  return [...(role.rules ?? []), ...aggregated.flatMap((other) => effectiveRules(other, all, seen))];
}

function addGrants(grants: GrantsBySubject, binding: RoleBinding | ClusterRoleBinding, findRules: RbacPolicy['findRules']): void {
  const { roleRef, metadata } = binding;
  const namespace = metadata.namespace ?? '';
  const rules = findRules(roleRef, namespace);
  const source =
    namespace === ''
      ? `ClusterRoleBinding ${JSON.stringify(metadata.name)}`
      : `RoleBinding ${JSON.stringify(`${metadata.name}/${namespace}`)}`;
  for (const subject of binding.subjects ?? []) {
    const key = bindingKeyOf(subject, namespace);
    if (key === undefined) continue;
    const allowed = `${source} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${describeSubject(subject, namespace)}`;
    const reason = rules ? allowed : missingRole(roleRef);
    grants.getOrInsertComputed(key, () => []).push({ rules, reason });
  }
}

/** `clusterrole.rbac.authorization.k8s.io "admin" not found` */
export function missingRole({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
}

function subjectKeysOf(user: Subject): readonly string[] {
  return [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)];
}

/** Undefined for a subject that applies to nobody. A service account is a user with a name of its own form. */
function bindingKeyOf(subject: RbacSubject, bindingNamespace: string): string | undefined {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${subject.name}`;
  const namespace = subject.namespace || bindingNamespace;
  return namespace === '' ? undefined : `User system:serviceaccount:${namespace}:${subject.name}`;
}

function describeSubject(subject: RbacSubject, bindingNamespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${JSON.stringify(subject.name)}`;
  return `ServiceAccount ${JSON.stringify(`${subject.name}/${subject.namespace || bindingNamespace}`)}`;
}
