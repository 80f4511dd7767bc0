/**
 * What a pod's claims need on one node: that the volumes of bound claims can be reached from there, and for claims that wait for their first
 * pod a volume that is free, or one that can be made. Pure. Source: upstream's volumebinding/binder.go, FindPodVolumes.
 */

import { classOf, SELECTED_NODE } from '#api/core/v1/volume-matching.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';
import { type Misfit, neverFits } from '../plugin.ts';
import { compareRequests, findVolumeFor, isReachable } from './claim.ts';
import type { Storage } from './storage.ts';

const NOTHING_TO_BIND = "node(s) didn't find available persistent volumes to bind";
const UNREACHABLE = "node(s) didn't match PersistentVolume's node affinity";
const NOT_ENOUGH_STORAGE = 'node(s) did not have enough free storage';
const VOLUME_GONE = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

export interface VolumePlan {
  readonly toBind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly toProvision: readonly PersistentVolumeClaim[];
}

export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** They wait for their first pod. */
  readonly delayed: readonly PersistentVolumeClaim[];
}

export function planNodeVolumes({ bound, delayed }: PodClaims, node: Node, storage: Storage): VolumePlan | Misfit {
  const reasons = [...findBoundTrouble(bound, node, storage)];
  const { toBind, toProvision, isConflict } = matchVolumes(delayed, node, storage);
  const trouble = isConflict
    ? NOTHING_TO_BIND
    : toProvision.map((claim) => findProvisioningTrouble(claim, node, storage)).find((one) => one !== undefined);
  if (trouble !== undefined) reasons.push(trouble);
  return reasons.length === 0 ? { toBind, toProvision } : neverFits(...new Set(reasons));
}

function* findBoundTrouble(bound: readonly PersistentVolumeClaim[], node: Node, storage: Storage): Generator<string> {
  for (const { spec } of bound) {
    const volume = storage.findVolume(spec.volumeName ?? '');
    if (volume === undefined) yield VOLUME_GONE;
    else if (!isReachable(volume, node)) yield UNREACHABLE;
  }
}

/** Small claims first, so that they do not take what only a large volume can give. */
function matchVolumes(delayed: readonly PersistentVolumeClaim[], node: Node, storage: Storage) {
  const taken = new Set<string>();
  const toBind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const toProvision: PersistentVolumeClaim[] = [];
  let isConflict = false;
  for (const claim of delayed.toSorted(compareRequests)) {
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    if (selected !== undefined && selected !== node.metadata.name) isConflict = true;
    const volume = selected === undefined ? findVolumeFor(claim, storage.listVolumes(classOf(claim)), node, taken) : undefined;
    if (volume === undefined) {
      toProvision.push(claim);
    } else {
      taken.add(volume.metadata.name);
      toBind.push({ claim, volume });
    }
  }
  return { toBind, toProvision, isConflict };
}

function findProvisioningTrouble(claim: PersistentVolumeClaim, node: Node, storage: Storage): string | undefined {
  const storageClass = storage.findClass(classOf(claim));
  if (storageClass === undefined || storageClass.provisioner === '' || storageClass.provisioner === NO_PROVISIONER) return NOTHING_TO_BIND;
  if (!isAllowedOn(storageClass, node)) return NOTHING_TO_BIND;
  return hasCapacity(claim, storageClass, node, storage) ? undefined : NOT_ENOUGH_STORAGE;
}

function isAllowedOn({ allowedTopologies = [] }: StorageClass, { metadata: { labels = {} } }: Node): boolean {
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => labels[key] !== undefined && values.includes(labels[key])),
  );
}

/** Only drivers that say so publish how much there is and where. */
function hasCapacity(claim: PersistentVolumeClaim, { metadata, provisioner }: StorageClass, node: Node, storage: Storage): boolean {
  if (storage.findDriver(provisioner)?.spec.storageCapacity !== true) return true;
  const wanted = parseQuantity(claim.spec.resources?.requests?.storage ?? '0');
  return storage.listCapacities(metadata.name).some(({ capacity, maximumVolumeSize, nodeTopology }) => {
    const limit = maximumVolumeSize ?? capacity;
    if (limit === undefined || nodeTopology === undefined) return false;
    return compareQuantities(parseQuantity(limit), wanted) >= 0 && compileLabelSelector(nodeTopology)(node.metadata.labels);
  });
}
