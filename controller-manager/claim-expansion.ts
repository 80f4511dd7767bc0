/**
 * A bound claim that asks for more than it has: says who is to enlarge its volume, by annotation and event, when its class allows it. The volume is enlarged by
 * its provisioner's resizer, its file system by the node. Upstream: pkg/controller/volume/expand.
 */

import { classOf, PROVISIONED_BY } from '#api/core/v1/volume-matching.ts';
import { persistentvolumeclaims } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';
import { type Action, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

/** On a claim: who is to enlarge its volume. */
const STORAGE_RESIZER = 'volume.kubernetes.io/storage-resizer';

export interface ExpansionSnapshot {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  readonly storageClass: StorageClass | undefined;
}

export function claimExpansionController(caches: SharedCaches): ControllerDefinition<ExpansionSnapshot> {
  const { persistentVolumeClaims, persistentVolumes, storageClasses } = caches;
  return {
    name: 'volume-expand',
    informers: [persistentVolumeClaims, persistentVolumes, storageClasses],
    triggers: [
      onChange(persistentVolumeClaims),
      onRelatedChange(storageClasses, ({ metadata }) =>
        persistentVolumeClaims.store
          .list()
          .filter((claim) => classOf(claim) === metadata.name)
          .map((claim) => ({ namespace: claim.metadata.namespace ?? '', name: claim.metadata.name })),
      ),
    ],
    snapshot: (key: ObjectKey) => {
      const claim = persistentVolumeClaims.store.find(key);
      const volume = persistentVolumes.store.find({ namespace: '', name: claim?.spec.volumeName ?? '' });
      if (claim === undefined || volume === undefined) return undefined;
      return { claim, volume, storageClass: storageClasses.store.find({ namespace: '', name: classOf(claim) }) };
    },
    reconcile: reconcileExpansion,
  };
}

export function reconcileExpansion({ claim, volume, storageClass }: ExpansionSnapshot): readonly Action[] {
  const { requests } = claim.spec.resources ?? {};
  const has = claim.status?.capacity?.storage;
  if (claim.status?.phase !== 'Bound' || has === undefined || requests?.storage === undefined) return [];
  if (compareQuantities(parseQuantity(requests.storage), parseQuantity(has)) <= 0) return [];
  if (storageClass?.allowVolumeExpansion !== true) return [];
  const resizer = volume.spec.csi?.driver ?? volume.metadata.annotations?.[PROVISIONED_BY];
  if (resizer === undefined) {
    const message = "didn't find a plugin capable of expanding the volume; waiting for an external controller to process this PVC";
    return [{ verb: 'event', regarding: claim, type: 'Warning', reason: 'ExternalExpanding', message }];
  }
  if (claim.metadata.annotations?.[STORAGE_RESIZER] === resizer) return [];
  const annotations = { ...claim.metadata.annotations, [STORAGE_RESIZER]: resizer };
  const message = 'waiting for an external controller to expand this PVC';
  return [
    update(persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, annotations } }),
    { verb: 'event', regarding: claim, type: 'Normal', reason: 'ExternalExpanding', message },
  ];
}
