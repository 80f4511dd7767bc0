/**
 * In which order groups, and versions within them, are shown to clients: by number, highest first, then by name. Those of the groups that this server knows, and of
 * custom resources; those of aggregated servers are in their APIServices. Source: upstream's pkg/controlplane/apiserver/aggregator.go and crdregistration.
 */
import { compareVersions } from '../../meta/version-priority.ts';

export interface Priority {
  readonly group: number;
  readonly version: number;
}

export interface Prioritized {
  readonly group: string;
  readonly version: string;
  readonly priority: Priority;
}

const CUSTOM: Priority = { group: 1_000, version: 100 };

/** A version that is not named has the usual priority of its group. */
const VERSION_USUAL = 15;

const GROUPS: Readonly<Record<string, number>> = {
  'apiregistration.k8s.io': 20_000,
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'internal.apiserver.k8s.io': 16_000,
  'resource.k8s.io': 15_900,
  'storagemigration.k8s.io': 15_800,
};

const VERSIONS: Readonly<Record<string, number>> = { '/v1': 1, 'autoscaling/v2': 30, 'flowcontrol.apiserver.k8s.io/v1': 21 };

export function priorityOf(group: string, version: string, { isCustom }: { readonly isCustom: boolean }): Priority {
  const known = isCustom || !Object.hasOwn(GROUPS, group) ? undefined : GROUPS[group];
  if (known === undefined) return CUSTOM;
  const name = `${group}/${version}`;
  return { group: known, version: Object.hasOwn(VERSIONS, name) ? (VERSIONS[name] ?? VERSION_USUAL) : VERSION_USUAL };
}

/** Groups by the highest number among their versions; the versions of a group stay together. */
export function inOrder<T extends Prioritized>(versions: readonly T[]): readonly T[] {
  const groups = new Map<string, number>();
  for (const { group, priority } of versions) groups.set(group, Math.max(groups.get(group) ?? 0, priority.group));
  return versions.toSorted(
    (left, right) =>
      (groups.get(right.group) ?? 0) - (groups.get(left.group) ?? 0) ||
      compareText(left.group, right.group) ||
      right.priority.version - left.priority.version ||
      compareVersions(left.version, right.version),
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
