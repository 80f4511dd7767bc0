/**
 * Asks for volumes of storage drivers to be attached to the nodes where pods use them, and detached when none does any more: a VolumeAttachment for each pair,
 * which the driver's own attacher acts on and the kubelet waits for. Drivers that need no attaching say so in their CSIDriver. The key is the volume's.
 * Upstream: pkg/controller/volume/attachdetach.
 */
import { createHash } from 'node:crypto';
import { volumeattachments } from '#api/generated/resources.ts';
import type { CSIDriver, PersistentVolume, Pod, VolumeAttachment } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, create, remove } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface AttachmentSnapshot {
  readonly volume: PersistentVolume;
  readonly driver: CSIDriver | undefined;
  /** Of nodes, that mount the volume's claim and are not over. */
  readonly pods: readonly Pod[];
  /** Of the volume. */
  readonly attachments: readonly VolumeAttachment[];
}

export function attachmentController(caches: SharedCaches): ControllerDefinition<AttachmentSnapshot> {
  const { persistentVolumes, pods, csiDrivers, volumeAttachments } = caches;
  const keyOfVolume = (name: string): ObjectKey => ({ namespace: '', name });
  return {
    name: 'attach-detach',
    informers: [persistentVolumes, pods, csiDrivers, volumeAttachments],
    triggers: [
      onChange(persistentVolumes),
      onRelatedChange(volumeAttachments, ({ spec }) =>
        spec.source.persistentVolumeName === undefined ? [] : [keyOfVolume(spec.source.persistentVolumeName)],
      ),
      onRelatedChange(pods, (pod) =>
        claimsOf(pod).length === 0
          ? []
          : attachable(persistentVolumes.store.list())
              .filter((volume) => uses(pod, volume))
              .map(({ metadata }) => keyOfVolume(metadata.name)),
      ),
      onRelatedChange(csiDrivers, () => attachable(persistentVolumes.store.list()).map(({ metadata }) => keyOfVolume(metadata.name))),
    ],
    snapshot: (key) => {
      const volume = persistentVolumes.store.find(key);
      if (volume?.spec.csi === undefined) return undefined;
      return {
        volume,
        driver: csiDrivers.store.find({ namespace: '', name: volume.spec.csi.driver }),
        pods: pods.store.list(volume.spec.claimRef?.namespace).filter((pod) => uses(pod, volume)),
        attachments: volumeAttachments.store.list().filter(({ spec }) => spec.source.persistentVolumeName === key.name),
      };
    },
    reconcile: reconcileAttachments,
  };
}

export function reconcileAttachments({ volume, driver, pods, attachments }: AttachmentSnapshot): readonly Action[] {
  const wanted = driver?.spec.attachRequired === false ? [] : [...new Set(pods.map(({ spec }) => spec.nodeName ?? ''))];
  const present = new Map(attachments.map((attachment) => [attachment.spec.nodeName, attachment]));
  const unused = attachments.filter(({ metadata, spec }) => !wanted.includes(spec.nodeName) && metadata.deletionTimestamp === undefined);
  const missing = wanted.filter((node) => !present.has(node));
  const told = attachments.flatMap((attachment) => tellFailure(attachment, volume, pods));
  if (missing.length > 0 && isForOneNode(volume) && attachments.length > 0) {
    const waiting = pods.filter(({ spec }) => missing.includes(spec.nodeName ?? ''));
    const why = "Volume is already exclusively attached to one node and can't be attached to another";
    const message = `Multi-Attach error for volume "${volume.metadata.name}" ${why}`;
    return [...unused.map(detach), ...told, ...waiting.map((pod) => warning(pod, message))];
  }
  return [...unused.map(detach), ...missing.map((node) => attach(volume, node)), ...told];
}

function attach({ metadata, spec }: PersistentVolume, nodeName: string): Action {
  const { driver = '', volumeHandle = '' } = spec.csi ?? {};
  const attachment = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
    spec: { attacher: driver, nodeName, source: { persistentVolumeName: metadata.name } },
  };
  return create(volumeattachments, attachment);
}

/** The driver's attacher holds it by a finalizer until the volume is detached. */
function detach(attachment: VolumeAttachment): Action {
  return remove(volumeattachments, attachment);
}

function tellFailure({ spec, status }: VolumeAttachment, volume: PersistentVolume, pods: readonly Pod[]): readonly Action[] {
  if (status?.attachError?.message === undefined) return [];
  const message = `AttachVolume.Attach failed for volume "${volume.metadata.name}" : ${status.attachError.message}`;
  return pods.filter((pod) => pod.spec.nodeName === spec.nodeName).map((pod) => warning(pod, message));
}

function warning(pod: Pod, message: string): Action {
  return { verb: 'event', regarding: pod, type: 'Warning', reason: 'FailedAttachVolume', message };
}

/** The kubelet derives the same name, and waits for it. */
export function attachmentName(volumeHandle: string, driver: string, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${nodeName}`).digest('hex')}`;
}

function isForOneNode({ spec }: PersistentVolume): boolean {
  return (spec.accessModes ?? []).every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');
}

function attachable(volumes: readonly PersistentVolume[]): readonly PersistentVolume[] {
  return volumes.filter(({ spec }) => spec.csi !== undefined);
}

/** On a node, until it is over: what is left of a pod that is going still uses it. */
function uses(pod: Pod, { spec: { claimRef } }: PersistentVolume): boolean {
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if ((pod.spec.nodeName ?? '') === '' || isOver || claimRef?.name === undefined) return false;
  return pod.metadata.namespace === claimRef.namespace && claimsOf(pod).includes(claimRef.name);
}

function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}
