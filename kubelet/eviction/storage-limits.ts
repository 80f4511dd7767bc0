/**
 * Whether a pod takes more of the disk than it may: of a volume, as a whole, or in one container. Pure. Nothing on the disk is stopped by the kernel, so who goes over a limit is evicted.
 * Source: https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#resource-emphemeralstorage-consumption
 */
import { podLimits } from '#api/core/v1/pod-requests.ts';
import type { Pod } from '#api/generated/types.ts';
import { formatQuantity } from '#api/meta/quantity.ts';
import { amountOf, unitsOf } from '../resource-amounts.ts';

const STORAGE = 'ephemeral-storage';

export interface StorageUse {
  /** Of all that counts as the pod's. */
  readonly podBytes: number;
  /** By volume name. */
  readonly volumeBytes: ReadonlyMap<string, number>;
  /** By container name. */
  readonly containerBytes: ReadonlyMap<string, number>;
}

/** Whether there is anything to measure it for. */
export function hasStorageLimits({ spec }: Pod): boolean {
  const hasVolumeLimit = (spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined);
  return hasVolumeLimit || spec.containers.some(({ resources }) => resources?.limits?.[STORAGE] !== undefined);
}

/** Why it is to be evicted; undefined while it keeps to its limits. */
export function exceededStorage(pod: Pod, use: StorageUse): string | undefined {
  return exceededVolume(pod, use) ?? exceededPod(pod, use) ?? exceededContainer(pod, use);
}

function exceededVolume({ spec }: Pod, { volumeBytes }: StorageUse): string | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = amountOf({ limit: emptyDir?.sizeLimit ?? '0' }, 'limit');
    if (limit > 0 && (volumeBytes.get(name) ?? 0) > limit) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir?.sizeLimit ?? ''}". `;
    }
  }
  return undefined;
}

function exceededPod(pod: Pod, { podBytes }: StorageUse): string | undefined {
  const limit = podLimits(pod).get(STORAGE);
  if (limit === undefined || podBytes <= unitsOf(limit)) return undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(limit)}. `;
}

function exceededContainer({ spec }: Pod, { containerBytes }: StorageUse): string | undefined {
  for (const { name, resources } of spec.containers) {
    const limit = amountOf(resources?.limits, STORAGE);
    if (limit > 0 && (containerBytes.get(name) ?? 0) > limit) {
      return `Container ${name} exceeded its local ephemeral storage limit "${resources?.limits?.[STORAGE] ?? ''}". `;
    }
  }
  return undefined;
}
