/**
 * What makes, enlarges and deletes volumes for claims: the engine's own volumes (`engine-backend.ts`), or a storage driver over CSI. Every call may be repeated:
 * the same name gives the same volume, and deleting what is gone is a success.
 */
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, StorageClass } from '#api/generated/types.ts';

export interface VolumeRequest {
  /** `pvc-<uid of the claim>` */
  readonly name: string;
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly sizeBytes: number;
  /** Where the claim's first pod goes; undefined when nobody has chosen. */
  readonly node: string | undefined;
}

export interface MadeVolume {
  /** Its source, and where it can be reached from. */
  readonly spec: Pick<PersistentVolumeSpec, 'local' | 'csi' | 'nodeAffinity'>;
  readonly sizeBytes: number;
  /** What its object has to remember. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EnlargedVolume {
  readonly sizeBytes: number;
  /** The node must enlarge the file system as well. */
  readonly needsNode: boolean;
}

export interface VolumeBackend {
  /** What a class names as its provisioner. */
  readonly name: string;
  create(request: VolumeRequest): Promise<MadeVolume>;
  delete(volume: PersistentVolume): Promise<void>;
  enlarge(volume: PersistentVolume, sizeBytes: number): Promise<EnlargedVolume>;
}

/** There is no room where the pod was to run: another node may have it. */
export class NoRoomError extends Error {}
