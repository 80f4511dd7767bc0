/**
 * What the kinds of volumes have in common: where a volume of a pod lives on this node, what setting it up is told, and what it gives. A kind is one value in
 * the list of `pod-volumes.ts`; what it set up is found again by its directory, whose name is upstream's, so a kubelet that was killed can tear it down.
 */
import { join } from 'node:path';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/generated/types.ts';
import type { Disk } from '../stats/disk-stats.ts';
import type { VolumeFilesContext } from './volume-files.ts';

/** A volume as containers mount it: a directory, file or device on the engine's host. */
export interface VolumeSource {
  readonly path: string;
  /** Whatever the container asks for. */
  readonly isReadOnly?: boolean;
  /** A block device: containers get it as a device, not as a mount. */
  readonly isDevice?: boolean;
}

/** A place in the kubelet's data directory. */
export interface Place {
  /** As this process sees it, without what is mounted there. */
  readonly local: string;
  /** On the engine's host. */
  readonly onHost: string;
}

export function below({ local, onHost }: Place, ...parts: readonly string[]): Place {
  return { local: join(local, ...parts), onHost: join(onHost, ...parts) };
}

/** A volume of a pod; one that it claims comes with the claim and what is bound to it. */
export interface PodVolume {
  /** In the pod. */
  readonly name: string;
  /** What messages call it: the pod's name for it, or the persistent volume's. */
  readonly specName: string;
  readonly inline: Volume;
  readonly claimed?: { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume };
}

export interface SetUp {
  readonly pod: Pod;
  readonly volume: PodVolume;
  readonly place: Place;
  readonly context: VolumeFilesContext;
  /** Whether this is the first time for this pod: later ones repair and renew. */
  readonly isFirst: boolean;
}

export interface VolumeKind {
  /** Of its directory in each pod's. */
  readonly directory: string;
  isKindOf(volume: PodVolume): boolean;
  /** May be done again at any time. Throws with upstream's message. */
  setUp(request: SetUp): Promise<VolumeSource>;
  /** What the volume takes, by the word of who provides it; undefined when that says nothing. */
  measure?(place: Place): Promise<Disk | undefined>;
  /** Before its directory goes. What is mounted in it is unmounted by the caller. */
  tearDown?(place: Place, podUid: string): Promise<void>;
}

export function ownershipOf({ spec }: Pod, isReadOnly: boolean) {
  const { fsGroup, fsGroupChangePolicy } = spec.securityContext ?? {};
  if (fsGroup === undefined) return undefined;
  return { groupId: fsGroup, isReadOnly, policy: fsGroupChangePolicy === 'OnRootMismatch' ? 'OnRootMismatch' : 'Always' } as const;
}
