/**
 * What may be used once only: a claim with the access mode ReadWriteOncePod by one pod in the cluster, and a disk that a pod names without a
 * claim by one pod on a node, unless all read it. Upstream: volumerestrictions.
 */
import type { Pod, Volume } from '#api/generated/types.ts';
import { always } from '../cluster-event.ts';
import { doesNotFit, type FilterPoint, fits, type SchedulerPlugin } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Snapshot } from '../snapshot.ts';
import { claimNamesOf } from '../volumes/pod-claims.ts';
import type { Storage } from '../volumes/storage.ts';

const IN_USE = doesNotFit(
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
);
const DISK_TAKEN = doesNotFit('node(s) had no available disk');

export function createVolumeRestrictions(storage: Storage): SchedulerPlugin {
  return {
    name: 'VolumeRestrictions',
    hints: {
      'pod-left': (pod, event) => sharesClaim(pod, event.pod) || disksOf(pod).length > 0,
      'node-added': always,
      'claim-changed': (pod, { claim }) =>
        claim.metadata.namespace === pod.metadata.namespace && claimNamesOf(pod).includes(claim.metadata.name),
    },
    prepare: (pod, snapshot) => {
      const disks = disksOf(pod.pod);
      const exclusive = pod.claimKeys.filter((key) => storage.findClaim(key)?.spec.accessModes?.includes('ReadWriteOncePod'));
      return exclusive.length === 0 && disks.length === 0 ? {} : createFilter(new Set(exclusive), disks, snapshot);
    },
  };
}

function createFilter(exclusive: ReadonlySet<string>, disks: readonly Disk[], snapshot: Snapshot): FilterPoint {
  let users = [...exclusive].reduce((sum, key) => sum + snapshot.claimUsers(key), 0);
  const usedBy = ({ claimKeys }: PodInfo): number => claimKeys.filter((key) => exclusive.has(key)).length;
  return {
    addPod: (other) => {
      users += usedBy(other);
    },
    removePod: (other) => {
      users -= usedBy(other);
    },
    filter: ({ pods }) => {
      if (disks.length > 0 && pods.some(({ pod }) => disksOf(pod).some((used) => disks.some((wanted) => collides(wanted, used)))))
        return DISK_TAKEN;
      return users > 0 ? IN_USE : fits;
    },
  };
}

function sharesClaim(pod: Pod, other: Pod): boolean {
  if (pod.metadata.namespace !== other.metadata.namespace) return false;
  const names = claimNamesOf(pod);
  return claimNamesOf(other).some((name) => names.includes(name));
}

interface Disk {
  readonly id: string;
  /** Several pods may read it at the same time. */
  readonly isShared: boolean;
}

function disksOf({ spec }: Pod): readonly Disk[] {
  return (spec.volumes ?? []).flatMap((volume) => diskOf(volume) ?? []);
}

function diskOf({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): Disk | undefined {
  if (gcePersistentDisk !== undefined) return { id: `gce ${gcePersistentDisk.pdName}`, isShared: gcePersistentDisk.readOnly === true };
  if (awsElasticBlockStore !== undefined) return { id: `aws ${awsElasticBlockStore.volumeID}`, isShared: false };
  if (iscsi !== undefined) return { id: `iscsi ${iscsi.iqn}`, isShared: iscsi.readOnly === true };
  if (rbd !== undefined) return { id: `rbd ${rbd.pool ?? 'rbd'}/${rbd.image}`, isShared: rbd.readOnly === true };
  return undefined;
}

function collides(left: Disk, right: Disk): boolean {
  return left.id === right.id && !(left.isShared && right.isShared);
}
