/** What a claim and a volume say about each other, in the words of the API's annotations. Pure. */
import { matchesNodeTerm } from '#api/core/v1/node-selector.ts';
import { BIND_COMPLETED, fits, isChoosable, isReservedFor, sizeOf } from '#api/core/v1/volume-matching.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';

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
      fits(volume, claim) &&
      isReachable(volume, node),
  );
  const reserved = usable.find((volume) => isReservedFor(volume, claim));
  if (reserved !== undefined) return reserved;
  const free = usable.filter((volume) => isChoosable(volume, claim));
  return free.reduce<PersistentVolume | undefined>(
    (least, volume) => (least === undefined || compareSizes(volume, least) < 0 ? volume : least),
    undefined,
  );
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
