/**
 * Which objects a ResourceQuota with scopes looks at: pods by how long they run, their quality of service, their priority or where their affinity reaches; claims by
 * their volume attributes class. A quota without scopes looks at everything. Pure; used with `quota-usage.ts`. Source: upstream's podMatchesScopeFunc.
 */
import { persistentvolumeclaims, pods } from '../../generated/resources.ts';
import type { Pod, PodAffinityTerm, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../../generated/types.ts';
import { type ApiObject, isOfType } from '../../meta/resource-type.ts';
import { qosClass } from './pod-requests.ts';

/** Whether the object is one of those that the quota's scopes name; all of them must hold. */
export function isInScope({ scopes = [], scopeSelector }: ResourceQuotaSpec, object: ApiObject): boolean {
  const named = scopes.map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...named, ...(scopeSelector?.matchExpressions ?? [])].every((requirement) => matches(requirement, object));
}

function matches(requirement: ScopedResourceSelectorRequirement, object: ApiObject): boolean {
  if (isOfType(pods, object)) return matchesPod(requirement, object);
  if (!isOfType(persistentvolumeclaims, object) || requirement.scopeName !== 'VolumeAttributesClass') return false;
  const names = [object.spec.volumeAttributesClassName, object.status?.currentVolumeAttributesClassName].filter((name) => !!name);
  return names.length === 0 ? matchesName(requirement, '') : names.some((name) => matchesName(requirement, name ?? ''));
}

function matchesPod(requirement: ScopedResourceSelectorRequirement, { spec }: Pod): boolean {
  switch (requirement.scopeName) {
    case 'Terminating':
      return isBounded(spec);
    case 'NotTerminating':
      return !isBounded(spec);
    case 'BestEffort':
      return qosClass(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(spec) !== 'BestEffort';
    case 'PriorityClass':
      return matchesName(requirement, spec.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return affinityTerms(spec).some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined);
    default:
      return false;
  }
}

function isBounded({ activeDeadlineSeconds }: Pod['spec']): boolean {
  return activeDeadlineSeconds !== undefined && activeDeadlineSeconds >= 0;
}

/** As a label selector would: what has no name is in no set, and so outside of every one. */
function matchesName({ operator, values = [] }: ScopedResourceSelectorRequirement, name: string): boolean {
  switch (operator) {
    case 'Exists':
      return name !== '';
    case 'DoesNotExist':
      return name === '';
    case 'In':
      return name !== '' && values.includes(name);
    case 'NotIn':
      return name === '' || !values.includes(name);
    default:
      return false;
  }
}

function affinityTerms({ affinity }: Pod['spec']): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}
