/**
 * Where a node's cgroups are. Pure. Below one parent per node: guaranteed pods, then the classes `burstable` and `besteffort` with theirs, and in each pod
 * its containers. The engine names cgroups by paths (driver cgroupfs) or by slices whose names hold their parents' (driver systemd).
 * Source: https://kubernetes.io/docs/concepts/architecture/cgroups/ and systemd.slice(5)
 */
import { qosClass } from '#api/core/v1/pod-requests.ts';
import type { Pod } from '#api/generated/types.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/** Names from the top: `['keelson', 'worker-1-0a1b2c3d4e5f', 'burstable', 'pod…']`. */
export type CgroupName = readonly string[];

/** Enough of a container's id to tell it from all others on one machine, as the engine shows it. */
const SHORT_ID_CHARS = 12;

/** Several engines may share one kernel, so a node held by a container is told apart by that. */
export function nodeCgroup(nodeName: string, nodeContainer: string | undefined): CgroupName {
  return ['keelson', nodeContainer === undefined ? nodeName : `${nodeName}-${nodeContainer.slice(0, SHORT_ID_CHARS)}`];
}

export function burstableCgroup(node: CgroupName): CgroupName {
  return [...node, 'burstable'];
}

export function bestEffortCgroup(node: CgroupName): CgroupName {
  return [...node, 'besteffort'];
}

export function podCgroup(node: CgroupName, { metadata, spec }: Pod): CgroupName {
  const classes = { Guaranteed: node, Burstable: burstableCgroup(node), BestEffort: bestEffortCgroup(node) };
  return [...classes[qosClass(spec)], podDirectory(metadata.uid)];
}

/** The three places where a pod may be, whose class is no longer known. */
export function possiblePodCgroups(node: CgroupName, podUid: string): readonly CgroupName[] {
  return [node, burstableCgroup(node), bestEffortCgroup(node)].map((parent) => [...parent, podDirectory(podUid)]);
}

function podDirectory(podUid: string): string {
  return `pod${podUid}`;
}

/** What Docker is told as `CgroupParent`. */
export function renderParent(driver: CgroupDriver, name: CgroupName): string {
  return driver === 'cgroupfs' ? `/${name.join('/')}` : sliceName(name);
}

/** The directory below a controller's mount. */
export function renderDirectory(driver: CgroupDriver, name: CgroupName): string {
  if (driver === 'cgroupfs') return name.join('/');
  return name.map((_, index) => sliceName(name.slice(0, index + 1))).join('/');
}

/** The directory of one container in its parent's. */
export function containerDirectory(driver: CgroupDriver, containerId: string): string {
  return driver === 'cgroupfs' ? containerId : `docker-${containerId}.scope`;
}

/** A dash separates parents, so none may be part of a name. */
function sliceName(name: CgroupName): string {
  return `${name.map((part) => part.replaceAll('-', '_')).join('-')}.slice`;
}
