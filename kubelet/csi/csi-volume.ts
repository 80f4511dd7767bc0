/**
 * What a driver is told of one volume, from the objects that describe it: pure. Also the names and places that are derived from a volume, which are upstream's:
 * where it is staged, what its attachment is called, and the note about it that is left beside it.
 */
import { createHash } from 'node:crypto';
import type { CSIDriver, PersistentVolumeClaim, Pod, SecretReference } from '#api/generated/types.ts';
import type { PodVolume } from '../volumes/volume-kind.ts';
import { accessModes, type Texts, type VolumeCapability } from './messages.ts';

/** Left beside a volume, so that it can be taken down after its objects are gone. Its words are those of upstream's `vol_data.json`. */
export interface VolumeNote {
  readonly driverName: string;
  readonly volumeHandle: string;
  readonly specVolID: string;
  readonly nodeName: string;
  readonly attachmentID: string;
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral';
}

export interface CsiSource {
  readonly driver: string;
  readonly handle: string;
  readonly isEphemeral: boolean;
  readonly isReadOnly: boolean;
  readonly isBlock: boolean;
  readonly fsType: string;
  readonly attributes: Texts;
  readonly mountOptions: readonly string[];
  /** As the claim or volume has them; one that is written for a pod alone is written by one node. */
  readonly accessModes: readonly string[];
  readonly publishSecret: SecretReference | undefined;
  readonly stageSecret: SecretReference | undefined;
}

/** Undefined for a volume of another kind. */
export function csiSourceOf({ inline, claimed }: PodVolume, pod: Pod): CsiSource | undefined {
  if (claimed !== undefined) return persistentSource(claimed.volume.spec, inline.persistentVolumeClaim?.readOnly === true);
  const { csi, name } = inline;
  if (csi === undefined) return undefined;
  const { namespace = '' } = pod.metadata;
  return {
    driver: csi.driver,
    handle: ephemeralHandle(pod, name),
    isEphemeral: true,
    isReadOnly: csi.readOnly === true,
    isBlock: false,
    fsType: csi.fsType ?? '',
    attributes: csi.volumeAttributes ?? {},
    mountOptions: [],
    accessModes: ['ReadWriteOnce'],
    publishSecret: csi.nodePublishSecretRef === undefined ? undefined : { namespace, name: csi.nodePublishSecretRef.name ?? '' },
    stageSecret: undefined,
  };
}

function persistentSource(spec: NonNullable<PodVolume['claimed']>['volume']['spec'], isReadOnly: boolean): CsiSource | undefined {
  const { csi } = spec;
  if (csi === undefined) return undefined;
  return {
    driver: csi.driver,
    handle: csi.volumeHandle,
    isEphemeral: false,
    isReadOnly: isReadOnly || csi.readOnly === true,
    isBlock: spec.volumeMode === 'Block',
    fsType: csi.fsType ?? '',
    attributes: csi.volumeAttributes ?? {},
    mountOptions: spec.mountOptions ?? [],
    accessModes: spec.accessModes ?? [],
    publishSecret: csi.nodePublishSecretRef,
    stageSecret: csi.nodeStageSecretRef,
  };
}

/** Upstream's: the same for the same volume of the same pod. */
export function ephemeralHandle({ metadata }: Pod, volumeName: string): string {
  return `csi-${hashOf(`${metadata.namespace ?? ''}${volumeName}${metadata.uid}`)}`;
}

export function attachmentName(handle: string, driver: string, nodeName: string): string {
  return `csi-${hashOf(`${handle}${driver}${nodeName}`)}`;
}

/** Below the kubelet's directory. */
export function stagingDirectory(driver: string, handle: string): string {
  return `plugins/kubernetes.io/csi/${driver}/${hashOf(handle)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function capabilityOf(
  source: Pick<CsiSource, 'isBlock' | 'fsType' | 'mountOptions' | 'accessModes'>,
  mountGroup = '',
): VolumeCapability {
  const accessMode = { mode: accessModeOf(source.accessModes) };
  if (source.isBlock) return { block: {}, accessMode };
  return { mount: { fsType: source.fsType, mountFlags: source.mountOptions, volumeMountGroup: mountGroup }, accessMode };
}

/** The widest of those that the volume has. */
export function accessModeOf(modes: readonly string[]): number {
  const [widest = 'ReadWriteOnce'] = ['ReadWriteMany', 'ReadOnlyMany', 'ReadWriteOnce', 'ReadWriteOncePod'].filter((mode) =>
    modes.includes(mode),
  );
  return accessModes[widest] ?? 0;
}

/** For a driver that wants to know whose volume it is. */
export function podContext(pod: Pod, driver: CSIDriver | undefined, isEphemeral: boolean): Texts {
  if (driver?.spec.podInfoOnMount !== true) return {};
  return {
    'csi.storage.k8s.io/pod.name': pod.metadata.name,
    'csi.storage.k8s.io/pod.namespace': pod.metadata.namespace ?? '',
    'csi.storage.k8s.io/pod.uid': pod.metadata.uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(isEphemeral),
  };
}

/** Whether the kubelet gives the files to the pod's fsGroup. Upstream's default: if there is a file system of its own that one node writes to. */
export function givesToGroup(source: CsiSource, driver: CSIDriver | undefined): boolean {
  if (source.isReadOnly || source.isBlock) return false;
  switch (driver?.spec.fsGroupPolicy) {
    case 'None':
      return false;
    case 'File':
      return true;
    default:
      return source.fsType !== '' && source.accessModes.some((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');
  }
}

/** A volume that only lives in a pod must be one that the driver offers as such. Throws in upstream's words. */
export function throwIfModeUnsupported(source: CsiSource, driver: CSIDriver | undefined): void {
  const mode = source.isEphemeral ? 'Ephemeral' : 'Persistent';
  const offered = driver?.spec.volumeLifecycleModes ?? ['Persistent'];
  if (driver === undefined && source.isEphemeral) {
    throw new Error(`volume mode "Ephemeral" not supported by driver ${source.driver} (no CSIDriver object)`);
  }
  if (driver !== undefined && !offered.includes(mode)) {
    throw new Error(`volume mode "${mode}" not supported by driver ${source.driver} (only supports ${JSON.stringify(offered)})`);
  }
}

export function claimIsPending({ status }: PersistentVolumeClaim): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === 'FileSystemResizePending' && value === 'True');
}
