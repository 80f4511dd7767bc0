/**
 * Fills the ClusterRoles that are made of others: their rules are those of all roles that their aggregation rule selects, in the order of names, each once. What stood there
 * before is replaced. Upstream: pkg/controller/clusterroleaggregation.
 */
import { isDeepStrictEqual } from 'node:util';
import { clusterroles } from '#api/generated/resources.ts';
import type { ClusterRole, PolicyRule } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { type Action, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface AggregationSnapshot {
  readonly role: ClusterRole;
  /** All roles, itself included. */
  readonly roles: readonly ClusterRole[];
}

export function clusterRoleAggregationController({ clusterRoles }: SharedCaches): ControllerDefinition<AggregationSnapshot> {
  return {
    name: 'cluster-role-aggregation',
    informers: [clusterRoles],
    triggers: [onRelatedChange(clusterRoles, () => clusterRoles.store.list().filter(isAggregated).map(keyOf))],
    snapshot: (key) => {
      const role = clusterRoles.store.find(key);
      return role === undefined ? undefined : { role, roles: clusterRoles.store.list() };
    },
    reconcile: reconcileAggregation,
  };
}

export function reconcileAggregation({ role, roles }: AggregationSnapshot): readonly Action[] {
  if (!isAggregated(role) || role.metadata.deletionTimestamp !== undefined) return [];
  const matchers = (role.aggregationRule?.clusterRoleSelectors ?? []).map(compileLabelSelector);
  const parts = roles
    .filter(({ metadata }) => metadata.name !== role.metadata.name && matchers.some((matches) => matches(metadata.labels)))
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  const rules = withoutRepeats(parts.flatMap((part) => part.rules ?? []));
  return isDeepStrictEqual(role.rules ?? [], rules) ? [] : [update(clusterroles, { ...role, rules })];
}

function withoutRepeats(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  return rules.filter((rule, index) => rules.findIndex((other) => isDeepStrictEqual(other, rule)) === index);
}

function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return aggregationRule !== undefined;
}
