/**
 * Looks after persistent volumes from their own side: whether they are available, bound or released, and what becomes of one whose claim is gone. Who made a
 * volume deletes it; one that nobody can delete or recycle says so and fails. The other half of a binding is `claim-binder.ts`.
 * Upstream: pkg/controller/volume/persistentvolume.
 */

import { BOUND_BY_CONTROLLER, hasAnnotation, PROVISIONED_BY } from '#api/core/v1/volume-matching.ts';
import { persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, update, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface VolumeSnapshot {
  readonly volume: PersistentVolume;
  /** What the volume names, if it still is that very claim. */
  readonly claim: PersistentVolumeClaim | undefined;
}

export function volumeBinder({ persistentVolumes, persistentVolumeClaims }: SharedCaches): ControllerDefinition<VolumeSnapshot> {
  return {
    name: 'persistentvolume-phases',
    informers: [persistentVolumes, persistentVolumeClaims],
    triggers: [
      onChange(persistentVolumes),
      onRelatedChange(persistentVolumeClaims, ({ metadata }) =>
        persistentVolumes.store
          .list()
          .filter(({ spec }) => spec.claimRef?.name === metadata.name && spec.claimRef.namespace === metadata.namespace)
          .map(({ metadata: { name } }) => ({ namespace: '', name })),
      ),
    ],
    snapshot: (key: ObjectKey) => {
      const volume = persistentVolumes.store.find(key);
      if (volume === undefined) return undefined;
      const { namespace = '', name = '', uid } = volume.spec.claimRef ?? {};
      const claim = persistentVolumeClaims.store.find({ namespace, name });
      return { volume, claim: claim?.metadata.uid === uid ? claim : undefined };
    },
    reconcile: reconcileVolume,
  };
}

export function reconcileVolume({ volume, claim }: VolumeSnapshot): readonly Action[] {
  const { claimRef } = volume.spec;
  // Without a uid it is reserved: the claim's side binds it.
  if (claimRef === undefined || (claimRef.uid ?? '') === '') return setPhase(volume, 'Available');
  if (claim === undefined) return release(volume);
  const wanted = claim.spec.volumeName ?? '';
  if (wanted === '') return [];
  if (wanted === volume.metadata.name) return setPhase(volume, 'Bound');
  return hasAnnotation(volume, PROVISIONED_BY) && volume.spec.persistentVolumeReclaimPolicy === 'Delete' ? release(volume) : unbind(volume);
}

/** Its claim is gone. A failure that was told stays. */
function release(volume: PersistentVolume): readonly Action[] {
  const { phase } = volume.status ?? {};
  if (phase !== 'Released' && phase !== 'Failed') return setPhase(volume, 'Released');
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Recycle':
      return fail(volume, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    case 'Delete':
      return isDeletedByOthers(volume) ? [] : fail(volume, 'VolumeFailedDelete', undeletable(volume));
    default:
      return [];
  }
}

/** Whoever made it, or its storage driver, sees it released and deletes it. */
function isDeletedByOthers(volume: PersistentVolume): boolean {
  return hasAnnotation(volume, PROVISIONED_BY) || volume.spec.csi !== undefined;
}

function undeletable({ metadata }: PersistentVolume): string {
  return `error getting deleter volume plugin for volume "${metadata.name}": no deletable volume plugin matched`;
}

/** Gives it up for others; one that a user reserved stays reserved. */
function unbind(volume: PersistentVolume): readonly Action[] {
  const { claimRef, ...spec } = volume.spec;
  if (!hasAnnotation(volume, BOUND_BY_CONTROLLER)) {
    const { uid: _uid, ...reserved } = claimRef ?? {};
    return [update(persistentvolumes, { ...volume, spec: { ...spec, claimRef: reserved } })];
  }
  const { [BOUND_BY_CONTROLLER]: _mark, ...annotations } = volume.metadata.annotations ?? {};
  return [update(persistentvolumes, { ...volume, metadata: { ...volume.metadata, annotations }, spec })];
}

function setPhase(volume: PersistentVolume, phase: string): readonly Action[] {
  return volume.status?.phase === phase ? [] : [updateStatus(persistentvolumes, { ...volume, status: { phase } })];
}

function fail(volume: PersistentVolume, reason: string, message: string): readonly Action[] {
  if (volume.status?.phase === 'Failed') return [];
  return [
    updateStatus(persistentvolumes, { ...volume, status: { phase: 'Failed', message } }),
    { verb: 'event', regarding: volume, type: 'Warning', reason, message },
  ];
}
