/**
 * Lets go of claims and volumes that are being deleted once nobody uses them any more: a claim when no pod that may still run mounts it, a volume when it is not
 * bound. Until then their finalizer holds them. Upstream: pkg/controller/volume/pvcprotection and pvprotection.
 */
import { PV_PROTECTION, PVC_PROTECTION } from '#api/core/v1/storage-protection.ts';
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface ClaimProtectionSnapshot {
  readonly claim: PersistentVolumeClaim;
  /** Of its namespace. */
  readonly pods: readonly Pod[];
}

export function claimProtectionController(caches: SharedCaches): ControllerDefinition<ClaimProtectionSnapshot> {
  const { persistentVolumeClaims, pods } = caches;
  return {
    name: 'persistentvolumeclaim-protection',
    informers: [persistentVolumeClaims, pods],
    triggers: [
      onChange(persistentVolumeClaims),
      onRelatedChange(pods, (pod) => claimsOf(pod).map((name) => ({ namespace: pod.metadata.namespace ?? '', name }))),
    ],
    snapshot: (key: ObjectKey) => {
      const claim = persistentVolumeClaims.store.find(key);
      return claim === undefined || !isHeld(claim, PVC_PROTECTION) ? undefined : { claim, pods: pods.store.list(key.namespace) };
    },
    reconcile: reconcileClaimProtection,
  };
}

export function reconcileClaimProtection({ claim, pods }: ClaimProtectionSnapshot): readonly Action[] {
  const isUsed = pods.some((pod) => mayRun(pod) && claimsOf(pod).includes(claim.metadata.name));
  return isUsed ? [] : [letGo(persistentvolumeclaims, claim, PVC_PROTECTION)];
}

export function volumeProtectionController({ persistentVolumes }: SharedCaches): ControllerDefinition<PersistentVolume> {
  return {
    name: 'persistentvolume-protection',
    informers: [persistentVolumes],
    triggers: [onChange(persistentVolumes)],
    snapshot: (key: ObjectKey) => {
      const volume = persistentVolumes.store.find(key);
      return volume === undefined || !isHeld(volume, PV_PROTECTION) ? undefined : volume;
    },
    reconcile: reconcileVolumeProtection,
  };
}

export function reconcileVolumeProtection(volume: PersistentVolume): readonly Action[] {
  return volume.status?.phase === 'Bound' ? [] : [letGo(persistentvolumes, volume, PV_PROTECTION)];
}

function isHeld({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);
}

/** On a node and not over. One that waits for a node will find its claim gone. */
function mayRun({ spec, status }: Pod): boolean {
  return (spec.nodeName ?? '') !== '' && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

/** An ephemeral volume's claim is called after pod and volume. */
function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}

/** A merge patch replaces the whole list, hence the version: nobody else's finalizer may get lost. */
function letGo<T extends ApiObject>(type: ResourceType<T>, object: T, finalizer: string): Action {
  const { uid, resourceVersion, finalizers = [] } = object.metadata;
  const others = finalizers.filter((other) => other !== finalizer);
  const patch = { metadata: { uid, resourceVersion, finalizers: others.length === 0 ? null : others } };
  return { verb: 'patch', type, key: keyOf(object), patchType: 'merge', patch };
}
