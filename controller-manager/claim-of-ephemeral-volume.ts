/**
 * Makes the claims of pods' ephemeral volumes: one per volume, called after pod and volume, owned by the pod and gone with it. A claim of that name that is
 * another's is left alone, and the pod waits. Upstream: pkg/controller/volume/ephemeral.
 */
import { persistentvolumeclaims, pods } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import { type Action, create } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface EphemeralSnapshot {
  readonly pod: Pod;
  readonly findClaim: (name: string) => PersistentVolumeClaim | undefined;
}

export function ephemeralVolumeController(caches: SharedCaches): ControllerDefinition<EphemeralSnapshot> {
  return {
    name: 'ephemeral-volume',
    informers: [caches.pods, caches.persistentVolumeClaims],
    triggers: [onChange(caches.pods), onOwnedChange(caches.persistentVolumeClaims, 'Pod')],
    snapshot: (key: ObjectKey) => {
      const pod = caches.pods.store.find(key);
      if (pod === undefined || ephemeralOf(pod).length === 0) return undefined;
      return { pod, findClaim: (name) => caches.persistentVolumeClaims.store.find({ ...key, name }) };
    },
    reconcile: reconcileEphemeralVolumes,
  };
}

export function reconcileEphemeralVolumes({ pod, findClaim }: EphemeralSnapshot): readonly Action[] {
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (pod.metadata.deletionTimestamp !== undefined || isOver) return [];
  return ephemeralOf(pod).flatMap((volume) => {
    const name = `${pod.metadata.name}-${volume.name}`;
    const present = findClaim(name);
    if (present === undefined) return [createClaim(pod, volume, name)];
    if (present.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid)) return [];
    const key = `${pod.metadata.namespace ?? ''}/`;
    const message = `PVC ${key}${name} was not created for pod ${key}${pod.metadata.name} (pod is not owner)`;
    return [{ verb: 'event', regarding: pod, type: 'Warning', reason: 'FailedBinding', message } as const];
  });
}

function ephemeralOf({ spec }: Pod): readonly Volume[] {
  return (spec.volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined);
}

function createClaim(pod: Pod, { ephemeral }: Volume, name: string): Action {
  const { metadata = {}, spec = {} } = ephemeral?.volumeClaimTemplate ?? {};
  const { labels, annotations } = metadata;
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace: pod.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(pod, pods)],
    },
    spec,
  };
  const failed = { reason: 'FailedBinding', message: 'ephemeral volume controller: PVC creation failed {error}' };
  return create(persistentvolumeclaims, claim, { regarding: pod, failed });
}
