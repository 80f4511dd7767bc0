/**
 * Decides what a provisioner has to do for a claim or a volume. Pure. Several nodes can reach the same storage, and each of them runs this: the node that the
 * claim's pod goes to acts, else the first one that can. Two that act at once for a moment make the same volume, by its name.
 */
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';

/** On a claim: who is to make its volume, and who is to enlarge it. */
const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const STORAGE_RESIZER = 'volume.kubernetes.io/storage-resizer';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** On a volume: who made it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** Holds a volume's object until what it stands for is gone. */
export const DELETION_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';

export function volumeNameFor({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}`;
}

export function selectedNodeOf({ metadata }: PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[SELECTED_NODE];
}

/** Who is asked for the claim's volume; undefined while nobody should be. */
export function provisionerOf(claim: PersistentVolumeClaim, storageClass: StorageClass | undefined): string | undefined {
  const { metadata, spec } = claim;
  if (metadata.deletionTimestamp !== undefined || (spec.volumeName ?? '') !== '' || storageClass === undefined) return undefined;
  // The scheduler takes its choice back when it did not work out.
  if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && selectedNodeOf(claim) === undefined) return undefined;
  const asked = metadata.annotations?.[STORAGE_PROVISIONER];
  return asked === storageClass.provisioner ? asked : undefined;
}

/** Who made the volume and has to delete it, or enlarges it. */
export function backendOf({ metadata, spec }: PersistentVolume): string | undefined {
  return metadata.annotations?.[PROVISIONED_BY] ?? spec.csi?.driver;
}

export type VolumePlan = 'nothing' | 'delete' | 'let-go';

export function planVolume({ metadata, spec, status }: PersistentVolume): VolumePlan {
  const isReleased = status?.phase === 'Released' || status?.phase === 'Failed';
  if (spec.persistentVolumeReclaimPolicy === 'Delete') return isReleased ? 'delete' : 'nothing';
  // What is retained needs nobody to delete anything before its object may go.
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(DELETION_FINALIZER) ? 'let-go' : 'nothing';
}

/** How large the claim's volume should become; undefined when it is large enough, or somebody else's to enlarge. */
export function wantedSize(claim: PersistentVolumeClaim, volume: PersistentVolume): string | undefined {
  const wanted = claim.spec.resources?.requests?.storage;
  const has = claim.status?.capacity?.storage;
  if (claim.status?.phase !== 'Bound' || wanted === undefined || has === undefined) return undefined;
  if (claim.metadata.annotations?.[STORAGE_RESIZER] !== backendOf(volume)) return undefined;
  if (claim.status.allocatedResourceStatuses?.storage?.startsWith('NodeResize') === true) return undefined;
  return compareQuantities(parseQuantity(wanted), parseQuantity(has)) > 0 ? wanted : undefined;
}

/** The node that acts: the one that was chosen for the pod if it can, else the first ready one that can. */
export function actingNode(nodes: readonly Node[], canAct: (node: Node) => boolean, selected: string | undefined): string | undefined {
  const able = nodes.filter((node) => isReady(node) && canAct(node)).map(({ metadata }) => metadata.name);
  return selected !== undefined && able.includes(selected) ? selected : able.toSorted()[0];
}

export function isReady({ status }: Node): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');
}
