/**
 * Which persistent volume fits a claim. Pure: the binder asks `findVolumeFor` for claims that no scheduler decides about; the scheduler, which
 * chooses for a node, asks the same of each volume. A volume that is reserved for the claim comes first,
 * then the one with the fewest access modes beyond what is asked for, then the smallest. Upstream: pkg/controller/volume/persistentvolume/index.go.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/types.ts';
import { compileLabelSelector } from '../../meta/label-selector.ts';
import { compareQuantities, parseQuantity } from '../../meta/quantity.ts';
import type { ApiObject } from '../../meta/resource-type.ts';

/** On both: the binding was made here, not by a user. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a claim: it has been bound once; losing its volume is from then on a loss. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a volume: who made it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim: the node that its first pod goes to. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

export function hasAnnotation({ metadata }: ApiObject, name: string): boolean {
  return metadata.annotations?.[name] !== undefined;
}

/** Empty for none. */
export function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_BETA] ?? spec.storageClassName ?? '';
}

/** Whether the volume names this claim; one that was reserved by name has no uid yet. */
export function isReservedFor({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef === undefined || claimRef.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return (claimRef.uid ?? '') === '' || claimRef.uid === metadata.uid;
}

/** `isDelayed`: the claim waits for the scheduler, so only what is reserved for it may be bound here. */
export function findVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  isDelayed: boolean,
): PersistentVolume | undefined {
  const reserved = volumes.filter((volume) => isReservedFor(volume, claim) && isStaying(volume));
  const fitting = [...reserved, ...(isDelayed ? [] : volumes.filter((volume) => isChoosable(volume, claim)))].filter((volume) =>
    fits(volume, claim),
  );
  const [first] = fitting.filter((volume) => reserved.includes(volume));
  return first ?? fitting.toSorted(byGenerosity)[0];
}

function byGenerosity(left: PersistentVolume, right: PersistentVolume): number {
  const modes = (left.spec.accessModes ?? []).length - (right.spec.accessModes ?? []).length;
  return modes || compareQuantities(sizeOf(left), sizeOf(right)) || left.metadata.name.localeCompare(right.metadata.name);
}

function isStaying({ metadata }: PersistentVolume): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** Nobody's, seen to be available, and of the labels and class that are asked for. */
export function isChoosable(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { metadata, spec, status } = volume;
  if (!isStaying(volume) || spec.claimRef !== undefined || status?.phase !== 'Available') return false;
  if (classOf(volume) !== classOf(claim)) return false;
  return claim.spec.selector === undefined || compileLabelSelector(claim.spec.selector)(metadata.labels);
}

/** What a volume must have whoever chose it, except that a user's choice is told why not: `mismatchOf`. */
export function fits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return isLargeEnough(volume, claim) && modeOf(volume) === modeOf(claim) && hasSameAttributes(volume, claim) && allowsModes(volume, claim);
}

/** Why the volume that a claim asks for by name cannot be its own; undefined when it can. */
export function mismatchOf(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (!isLargeEnough(volume, claim)) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  if (!hasSameAttributes(volume, claim)) return 'volumeAttributesClassName does not match';
  return allowsModes(volume, claim) ? undefined : 'incompatible accessMode';
}

function isLargeEnough(volume: PersistentVolume, { spec }: PersistentVolumeClaim): boolean {
  return compareQuantities(sizeOf(volume), parseQuantity(spec.resources?.requests?.storage ?? '0')) >= 0;
}

export function sizeOf({ spec }: PersistentVolume) {
  return parseQuantity(spec.capacity?.storage ?? '0');
}

function modeOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec.volumeMode ?? 'Filesystem';
}

function hasSameAttributes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (volume.spec.volumeAttributesClassName ?? '') === (claim.spec.volumeAttributesClassName ?? '');
}

function allowsModes(volume: PersistentVolume, { spec }: PersistentVolumeClaim): boolean {
  return (spec.accessModes ?? []).every((mode) => (volume.spec.accessModes ?? []).includes(mode));
}
