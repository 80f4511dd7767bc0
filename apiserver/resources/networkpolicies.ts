/** NetworkPolicies, as the API server serves them. */
import { networkpolicies as type } from '#api/generated/resources.ts';
import type { NetworkPolicy } from '#api/generated/types.ts';
import { formatLabelSelector } from '#api/meta/label-selector.ts';
import { applyNetworkPolicyDefaults, validateNetworkPolicy } from '#api/networking/v1/network-policy.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const networkpolicies = defineResource<NetworkPolicy>(type, {
  shortNames: ['netpol'],
  columns: [
    nameColumn,
    textColumn('Pod-Selector', 'Which pods it is for.', ({ spec }) => formatLabelSelector(spec.podSelector ?? {})),
    ageColumn,
  ],
  applyDefaults: applyNetworkPolicyDefaults,
  validate: validateNetworkPolicy,
  countedPart: ({ spec }) => spec,
});
