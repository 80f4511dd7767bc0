/**
 * A node takes no more volumes of a driver than the driver says in its CSINode. A volume that several pods on the node use counts once.
 * Upstream: nodevolumelimits, CSILimits.
 */

import { classOf } from '#api/core/v1/volume-matching.ts';
import { always } from '../cluster-event.ts';
import { doesNotFit, fits, type SchedulerPlugin } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { claimNamesOf } from '../volumes/pod-claims.ts';
import type { Storage } from '../volumes/storage.ts';

const TOO_MANY = doesNotFit('node(s) exceed max volume count');

export function createNodeVolumeLimits(storage: Storage): SchedulerPlugin {
  return {
    name: 'NodeVolumeLimits',
    hints: {
      'storage-changed': always,
      'node-added': always,
      'pod-left': (_pod, event) => claimNamesOf(event.pod).length > 0,
      'claim-changed': (pod, { claim }) =>
        claim.metadata.namespace === pod.metadata.namespace && claimNamesOf(pod).includes(claim.metadata.name),
    },
    prepare: (pod) => {
      const wanted = attachmentsOf(pod, storage);
      if (wanted.size === 0) return {};
      return {
        filter: ({ name, pods }) => {
          const limits = limitsOf(name, storage);
          if (limits.size === 0) return fits;
          const all = new Map([...pods.flatMap((other) => [...attachmentsOf(other, storage)]), ...wanted]);
          const counts = new Map<string, number>();
          for (const driver of all.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
          const isExceeded = [...new Set(wanted.values())].some(
            (driver) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Number.POSITIVE_INFINITY),
          );
          return isExceeded ? TOO_MANY : fits;
        },
      };
    },
  };
}

/** By driver. */
function limitsOf(nodeName: string, storage: Storage): ReadonlyMap<string, number> {
  const drivers = storage.findCsiNode(nodeName)?.spec.drivers ?? [];
  return new Map(
    drivers.flatMap(({ name, allocatable }) => (allocatable?.count === undefined ? [] : [[name, allocatable.count] as const])),
  );
}

/** The drivers of the pod's volumes by what tells volumes apart: a handle, or, where there is no volume yet, the claim. */
function attachmentsOf({ claimKeys }: PodInfo, storage: Storage): ReadonlyMap<string, string> {
  const attachments = new Map<string, string>();
  for (const key of claimKeys) {
    const claim = storage.findClaim(key);
    if (claim === undefined) continue;
    const csi = storage.findVolume(claim.spec.volumeName ?? '')?.spec.csi;
    if (csi !== undefined) attachments.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    const provisioner = (claim.spec.volumeName ?? '') === '' ? storage.findClass(classOf(claim))?.provisioner : undefined;
    if (provisioner !== undefined) attachments.set(`${provisioner}/${key}`, provisioner);
  }
  return attachments;
}
