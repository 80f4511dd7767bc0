/** What a claim and a volume say about each other, in the words of the API's annotations. Pure. */
import { matchesNodeTerm } from '#api/core/v1/node-selector.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';

/** On a claim: the node that its first pod goes to; whoever provisions makes the volume for it. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** On a volume: the binding was not made by a user. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

/** Empty for none. */
export function classNameOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_BETA] ?? spec.storageClassName ?? '';
}

/** The claim has its volume, and the binder has said so. */
export function isFullyBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  return (spec.volumeName ?? '') !== '' && (metadata.annotations?.[BIND_COMPLETED] !== undefined || status?.phase === 'Bound');
}

export function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesNodeTerm(term, node));
}

/** The smallest volume that the claim can have on the node; one that is reserved for it comes first. `taken` are spoken for. */
export function findVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  node: Node,
  taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  const usable = volumes.filter(
    (volume) =>
      !taken.has(volume.metadata.name) &&
      volume.metadata.deletionTimestamp === undefined &&
      isSuited(volume, claim) &&
      isReachable(volume, node),
  );
  const reserved = usable.find((volume) => isReservedFor(volume, claim));
  if (reserved !== undefined) return reserved;
  const free = usable.filter(
    (volume) => volume.spec.claimRef === undefined && volume.status?.phase === 'Available' && isSelected(volume, claim),
  );
  return free.reduce<PersistentVolume | undefined>(
    (least, volume) => (least === undefined || compareSizes(volume, least) < 0 ? volume : least),
    undefined,
  );
}

function isReservedFor({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef === undefined || claimRef.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return (claimRef.uid ?? '') === '' || claimRef.uid === metadata.uid;
}

function isSuited(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (
    (volume.spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem') &&
    (volume.spec.volumeAttributesClassName ?? '') === (claim.spec.volumeAttributesClassName ?? '') &&
    (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode)) &&
    compareQuantities(sizeOf(volume), requestOf(claim)) >= 0
  );
}

function isSelected(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (classNameOf(volume) !== classNameOf(claim)) return false;
  return claim.spec.selector === undefined || compileLabelSelector(claim.spec.selector)(volume.metadata.labels);
}

/** By how much is asked for. */
export function compareRequests(left: PersistentVolumeClaim, right: PersistentVolumeClaim): number {
  return compareQuantities(requestOf(left), requestOf(right));
}

function requestOf({ spec }: PersistentVolumeClaim) {
  return parseQuantity(spec.resources?.requests?.storage ?? '0');
}

function compareSizes(left: PersistentVolume, right: PersistentVolume): number {
  return compareQuantities(sizeOf(left), sizeOf(right));
}

function sizeOf({ spec }: PersistentVolume) {
  return parseQuantity(spec.capacity?.storage ?? '0');
}
